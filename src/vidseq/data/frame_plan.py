"""The frame plan: which frames of each clip are sampled, by their time stamps; a plan, not a copy of the frames."""

from pathlib import Path

import numpy as np
import pandas as pd

from vidseq import paths
from vidseq.files import atomic_write


def write_frame_plan(plans: dict[str, tuple[np.ndarray, float]], path: Path = paths.FRAME_PLAN) -> pd.DataFrame:
    """Write and return one row per frame (clip, step, timestamp, duration).

    `plans` maps a clip to its timestamps (T,), in s from its first frame, and its duration in s.
    """
    rows = [
        pd.DataFrame({"clip": clip, "step": range(len(times)), "timestamp": times, "duration": duration})
        for clip, (times, duration) in plans.items()
    ]
    table = pd.concat(rows, ignore_index=True)
    with atomic_write(path) as tmp:
        table.to_parquet(tmp)
    return table


def read_frame_plan(path: Path = paths.FRAME_PLAN) -> dict[str, list[float]]:
    """Return each clip's timestamps (s, ascending)."""
    return {str(clip): rows.tolist() for clip, rows in pd.read_parquet(path).groupby("clip", sort=True).timestamp}


def read_durations(path: Path = paths.FRAME_PLAN) -> pd.Series:
    """Return each clip's duration in s, by its name."""
    return pd.read_parquet(path).groupby("clip").duration.first()
