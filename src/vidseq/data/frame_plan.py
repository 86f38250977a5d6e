"""The frame plan: which frames of each clip are sampled, by their time stamps; a plan, not a copy of the frames."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from vidseq import paths
from vidseq.files import atomic_write


class ClipPlan(NamedTuple):
    """What is sampled of a clip, all in s; `times` (T,) and `start`, where the clip begins, are times of its file."""

    times: np.ndarray
    duration: float
    start: float = 0.0


def write_frame_plan(plans: dict[str, ClipPlan], path: Path = paths.FRAME_PLAN) -> pd.DataFrame:
    """Write and return one row per frame: clip, step, timestamp, and the clip's duration and start."""
    by_clip = pd.DataFrame(
        plans.values(), index=pd.Index(plans, name="clip"), columns=["timestamp", "duration", "start"]
    )
    table = by_clip.explode("timestamp").reset_index().astype({"timestamp": float})
    table.insert(1, "step", table.groupby("clip", sort=False).cumcount())
    with atomic_write(path) as tmp:
        table.to_parquet(tmp)
    return table


def read_frame_plan(path: Path = paths.FRAME_PLAN) -> dict[str, list[float]]:
    """Return each clip's timestamps (s from the first frame of its file, ascending)."""
    return {str(clip): rows.tolist() for clip, rows in pd.read_parquet(path).groupby("clip", sort=True).timestamp}


def read_durations(path: Path = paths.FRAME_PLAN) -> pd.Series:
    """Return each clip's duration in s, by its name."""
    return pd.read_parquet(path).groupby("clip").duration.first()


def read_starts(path: Path = paths.FRAME_PLAN) -> dict[str, float]:
    """Return where each clip begins in its file, in s, by its name."""
    return pd.read_parquet(path).groupby("clip").start.first().to_dict()
