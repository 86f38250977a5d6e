"""From the frame plan to one packed file of features, assembled from what the cache keeps of every clip."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vidseq import files
from vidseq.cache import FeatureCache
from vidseq.extraction import Job

if TYPE_CHECKING:
    import torch


def plan_jobs(clips: pd.DataFrame, plan: pd.DataFrame, clips_dir: Path, identity: dict) -> list[Job]:
    """Join the clip table and the frame plan; a job's key is a digest of all that its features depend on."""
    paths = clips.set_index("clip").path
    jobs = []
    for clip, rows in plan.groupby("clip", sort=True):
        path, times = clips_dir / paths[clip], rows.timestamp.tolist()
        depends = {"content": files.sha256(path), "times": times, "backbone": identity}
        key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
        jobs.append(Job(str(clip), path, times, key, identity["difference"]))
    return jobs


def pack(jobs: list[Job], cache: FeatureCache, folder: Path, meta: dict) -> None:
    """Assemble the clips' cached features into one file, with an index and what they were made with.

    `features.npy` is float16 (all frames, D), `index.csv` one row a clip (clip, start, steps), `meta.json` is `meta`.
    """
    steps = [len(job.times) for job in jobs]
    folder.mkdir(parents=True)
    packed = np.lib.format.open_memmap(folder / "features.npy", "w+", np.float16, (sum(steps), meta["dim"]))
    starts = np.cumsum([0, *steps[:-1]])
    for job, start in zip(jobs, starts, strict=True):
        packed[start : start + len(job.times)] = cache.load(job.key)
    packed.flush()
    index = pd.DataFrame({"clip": [job.clip for job in jobs], "start": starts, "steps": steps})
    index.to_csv(folder / "index.csv", index=False)
    files.write_json(folder / "meta.json", meta)


def clips_with_features(table: Path, folder: Path) -> pd.DataFrame:
    """Read the clip table, without the clips that were skipped on the way to the packed features in `folder`."""
    clips = pd.read_csv(table, dtype=str)
    return clips[clips["clip"].isin(pd.read_csv(folder / "index.csv", dtype={"clip": str})["clip"])]


def load_sequences(folder: Path, clips: list[str]) -> list["torch.Tensor"]:
    """Read the features of the named clips from a packed folder as float32 (T, D) each."""
    import torch  # here alone: what makes features can do without it

    index = pd.read_csv(folder / "index.csv", dtype={"clip": str}).set_index("clip")
    packed = np.load(folder / "features.npy", mmap_mode="r")
    rows = index.loc[clips]
    return [
        torch.from_numpy(packed[start : start + steps].astype(np.float32))
        for start, steps in zip(rows.start, rows.steps, strict=True)
    ]
