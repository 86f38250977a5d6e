"""What the files of a source are: readable or why not, how long, large and fast, and what they show."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from vidseq.errors import VideoError
from vidseq.files import sha256
from vidseq.params import FramesParams
from vidseq.progress import track
from vidseq.sources.duplicates import FRAMES, hash_frame
from vidseq.video.read import frame_timestamps, read_frames
from vidseq.video.sampling import plan_interval


def survey(clips: pd.DataFrame, frames: FramesParams) -> pd.DataFrame:
    """Return the table (file, start, end, ...) with what is found out about each clip.

    That is sha256 (of its file), error (why it cannot be read, else None), and of those that can be read: times (those
    that are sampled, in s), begin (s, in the file), seconds, size ("320x240"), fps, hash (the bits of a few frames).
    """
    by_file = [(file, rows) for file, rows in clips.groupby("file", sort=False)]
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda file, rows: _of_file(file, rows, frames), *zip(*by_file, strict=True))
        facts = {index: fact for of_file in track(found, "reading clips", len(by_file)) for index, fact in of_file}
    columns = ["sha256", "error", "times", "begin", "seconds", "size", "fps", "hash"]
    return clips.join(pd.DataFrame.from_dict(facts, orient="index").reindex(columns=columns))


def _of_file(file: Path, rows: pd.DataFrame, frames: FramesParams) -> list[tuple[int, dict]]:
    facts: dict = {"error": None}
    try:
        facts["sha256"] = sha256(file)
        timestamps_N = frame_timestamps(file)
    except (VideoError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return [(index, facts | {"error": reason}) for index in rows.index]
    if timestamps_N[-1] > 0:
        facts["fps"] = (len(timestamps_N) - 1) / timestamps_N[-1]
    intervals = zip(rows.index, rows.start, rows.end, strict=True)
    return [(index, facts | _of_clip(file, timestamps_N, frames, start, end)) for index, start, end in intervals]


def _of_clip(file: Path, timestamps_N: np.ndarray, frames: FramesParams, start: float, end: float) -> dict:
    try:
        times_T, seconds, begin = plan_interval(timestamps_N, frames, start, end)
        spread = begin + (np.arange(FRAMES) + 0.5) / FRAMES * min(seconds, timestamps_N[-1] - begin)
        images = list(read_frames(file, spread))
    except VideoError as error:
        return {"error": str(error)}
    height, width, _ = images[0].shape
    bits = np.concatenate([hash_frame(image_HW3) for image_HW3 in images])
    facts = {"times": times_T.tolist(), "begin": begin, "seconds": seconds}
    return facts | {"size": f"{width}x{height}", "hash": bits}
