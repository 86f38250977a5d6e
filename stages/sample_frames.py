"""Plan which frames of each clip are sampled, and draw contact sheets of them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from stages import run
from vidseq import paths
from vidseq.data.clips import clip_files, drop_unreadable, read_clips
from vidseq.data.frame_plan import ClipPlan, write_frame_plan
from vidseq.errors import VideoError
from vidseq.files import atomic_write, write_json
from vidseq.params import Params
from vidseq.progress import track
from vidseq.video.display import Crop
from vidseq.video.read import frame_timestamps, read_frames
from vidseq.video.sampling import plan_interval
from vidseq.video.sheets import contact_sheet

SHEET_CLIPS, SHEET_FRAMES = 4, 10


def main(params: Params) -> None:
    """Write data/frames.parquet (one row per frame: `write_frame_plan`), contact sheets and metrics."""
    clips = read_clips()
    by_file: dict[Path, list[tuple[str, float, float]]] = {}
    for file, *interval in zip(clip_files(clips), clips["clip"], clips.start, clips.end, strict=True):
        by_file.setdefault(file, []).append(tuple(interval))

    def plan(file: Path, intervals: list[tuple[str, float, float]]) -> dict[str, ClipPlan | VideoError]:
        try:
            timestamps_N = frame_timestamps(file)
        except VideoError as error:
            return {clip: error for clip, _, _ in intervals}
        return {clip: of_interval(timestamps_N, start, end) for clip, start, end in intervals}

    def of_interval(timestamps_N: np.ndarray, start: float, end: float) -> ClipPlan | VideoError:
        try:
            return ClipPlan(*plan_interval(timestamps_N, params.frames, start, end))
        except VideoError as error:
            return error

    with ThreadPoolExecutor() as pool:
        planned = list(track(pool.map(plan, by_file, by_file.values()), "sampling frames", len(by_file)))
    outcomes = {clip: outcome for of_file in planned for clip, outcome in of_file.items()}
    reasons = {clip: str(outcome) for clip, outcome in outcomes.items() if isinstance(outcome, VideoError)}
    good = drop_unreadable(clips, reasons, params.data.on_bad_clip)

    plans = {clip: outcome for clip, outcome in outcomes.items() if not isinstance(outcome, VideoError)}
    table = write_frame_plan(plans)
    with atomic_write(paths.CONTACT_SHEETS) as folder:
        draw_sheets(good, {clip: plan.times for clip, plan in plans.items()}, params.frames.crop, folder)
    counts = {"clips": len(good), "frames": len(table), "skipped_clips": len(reasons)}
    write_json(paths.METRICS / "sample_frames.json", counts)
    print(f"{len(table)} frames of {len(good)} clips, {table.groupby('clip').size().median():.0f} per clip (median)")


def draw_sheets(clips: pd.DataFrame, times: dict[str, np.ndarray], crop: Crop | None, folder: Path) -> None:
    """Draw one sheet per class: a row of sampled frames for each of a few clips, spread over the class's groups."""
    folder.mkdir()
    for label, members in clips.groupby("label"):
        chosen = members.iloc[np.unique(np.linspace(0, len(members) - 1, SHEET_CLIPS).round().astype(int))]
        rows = []
        for clip, file in zip(chosen["clip"], clip_files(chosen), strict=True):
            of_clip = times[clip]
            shown = of_clip[np.unique(np.linspace(0, len(of_clip) - 1, SHEET_FRAMES).round().astype(int))]
            caption = f"{clip}   {len(of_clip)} frames, {of_clip[0]:.2f} s to {of_clip[-1]:.2f} s"
            rows.append((caption, list(read_frames(file, shown, crop))))
        contact_sheet(rows, folder / f"{label}.png")


if __name__ == "__main__":
    run(main)
