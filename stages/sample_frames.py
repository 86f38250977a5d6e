"""Plan which frames of each clip become its series, without copying them, and draw contact sheets of the plan."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from stages import run
from vidseq import paths, pictures, video
from vidseq.clips import drop_bad
from vidseq.errors import VideoError
from vidseq.files import replacing, write_json
from vidseq.params import Params
from vidseq.progress import track
from vidseq.sampling import duration, sample_times

SHEET_CLIPS, SHEET_STEPS = 4, 10


def main(params: Params) -> None:
    """Write data/frames.parquet (clip, step, timestamp and the clip's duration in s), contact sheets and metrics."""
    clips = pd.read_csv(paths.CLIP_TABLE, dtype=str)

    def plan_clip(path: str) -> tuple[np.ndarray, float] | str:
        try:
            times = video.frame_times(paths.CLIPS / path)
            return sample_times(times, params.frames), duration(times)
        except VideoError as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        planned = list(track(pool.map(plan_clip, clips.path), "sampling frames", len(clips)))
    plans = dict(zip(clips["clip"], planned, strict=True))
    bad = {clip: plan for clip, plan in plans.items() if isinstance(plan, str)}
    good = drop_bad(clips, bad, params.data.on_bad_clip)

    steps = {clip: plans[clip][0] for clip in good["clip"]}
    rows = [
        pd.DataFrame({"clip": clip, "step": range(len(times)), "timestamp": times, "duration": plans[clip][1]})
        for clip, times in steps.items()
    ]
    table = pd.concat(rows, ignore_index=True)
    with replacing(paths.FRAME_PLAN) as beside:
        table.to_parquet(beside)
    with replacing(paths.CONTACT_SHEETS) as folder:
        draw_sheets(good, steps, folder)
    counts = {"clips": len(good), "frames": len(table), "skipped_clips": len(bad)}
    write_json(paths.METRICS / "sample_frames.json", counts)
    print(f"{len(table)} frames of {len(good)} clips, {table.groupby('clip').size().median():.0f} a clip (median)")


def draw_sheets(clips: pd.DataFrame, steps: dict[str, np.ndarray], folder: paths.Path) -> None:
    """Draw one sheet a class: a row of sampled frames for each of a few clips, spread over the class's groups."""
    folder.mkdir()
    for label, members in clips.groupby("label"):
        chosen = members.iloc[np.unique(np.linspace(0, len(members) - 1, SHEET_CLIPS).round().astype(int))]
        rows = []
        for clip, path in zip(chosen["clip"], chosen.path, strict=True):
            times = steps[clip][np.unique(np.linspace(0, len(steps[clip]) - 1, SHEET_STEPS).round().astype(int))]
            caption = f"{clip}   {len(steps[clip])} steps, {times[0]:.2f} s to {times[-1]:.2f} s"
            rows.append((caption, list(video.read_frames(paths.CLIPS / path, times))))
        pictures.contact_sheet(rows, folder / f"{label}.png")


if __name__ == "__main__":
    run(main)
