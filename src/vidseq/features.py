"""From the frame plan to one packed file of features, clip by clip, with a cache that survives a killed run."""

import hashlib
import json
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from vidseq import files, video
from vidseq.backbones import Backbone
from vidseq.engines import Engine
from vidseq.errors import VideoError

DECODERS = 2  # threads; FFmpeg and torchvision release the interpreter's lock
CLIPS_AHEAD = 4  # clips decoded and not yet encoded: what bounds the memory


@dataclass(frozen=True)
class Job:
    """One clip whose frames at `times` (s, ascending) are to be encoded; `key` names the result in the cache."""

    clip: str
    path: Path
    times: list[float]
    key: str


def plan_jobs(clips: pd.DataFrame, plan: pd.DataFrame, clips_dir: Path, identity: dict) -> list[Job]:
    """Join the clip table and the frame plan; a job's key is a digest of all that its features depend on."""
    paths = clips.set_index("clip").path
    jobs = []
    for clip, rows in plan.groupby("clip", sort=True):
        path, times = clips_dir / paths[clip], rows.timestamp.tolist()
        depends = {"content": files.sha256(path), "times": times, "backbone": identity}
        key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
        jobs.append(Job(str(clip), path, times, key))
    return jobs


def encode_clips(
    jobs: list[Job], backbone: Backbone, engine: Engine, batch_size: int
) -> Iterator[tuple[Job, np.ndarray | VideoError]]:
    """Yield each job with its float16 features (T, D), or with the reason why it cannot be decoded.

    Clips are decoded in threads while the CNN runs; batches cross the borders of clips.
    """
    waiting: deque[tuple[Job, torch.Tensor | VideoError]] = deque()  # decoded, some of its frames not yet encoded
    frames: deque[torch.Tensor] = deque()
    features: deque[np.ndarray] = deque()

    def encode(count: int) -> Iterator[tuple[Job, np.ndarray | VideoError]]:
        if count:
            features.extend(engine(torch.stack([frames.popleft() for _ in range(count)])))
        while waiting and (isinstance(waiting[0][1], VideoError) or len(waiting[0][1]) <= len(features)):
            job, decoded = waiting.popleft()
            if isinstance(decoded, VideoError):
                yield job, decoded
            else:
                yield job, np.stack([features.popleft() for _ in decoded])

    for job, decoded in _decode_ahead(jobs, backbone):
        waiting.append((job, decoded))
        if not isinstance(decoded, VideoError):
            frames.extend(decoded)
        while len(frames) >= batch_size:
            yield from encode(batch_size)
    yield from encode(len(frames))


def _decode_ahead(jobs: list[Job], backbone: Backbone) -> Iterator[tuple[Job, torch.Tensor | VideoError]]:
    def decode(job: Job) -> torch.Tensor | VideoError:
        try:
            return torch.stack([backbone.prepare(frame) for frame in video.read_frames(job.path, job.times)])
        except VideoError as error:
            return error

    remaining = iter(jobs)
    with ThreadPoolExecutor(DECODERS) as pool:
        running = deque((job, pool.submit(decode, job)) for job in islice(remaining, CLIPS_AHEAD))
        while running:
            job, future = running.popleft()
            yield job, future.result()
            running.extend((job, pool.submit(decode, job)) for job in islice(remaining, 1))


def cached(cache: Path, key: str) -> Path:
    """Return the place of one clip's features in the cache."""
    return cache / key[:2] / f"{key}.npy"


def store(cache: Path, key: str, features_TD: np.ndarray) -> None:
    """Put one clip's features into the cache."""
    with files.replacing(cached(cache, key)) as beside, beside.open("wb") as file:
        np.save(file, features_TD)


def pack(jobs: list[Job], cache: Path, folder: Path, meta: dict) -> None:
    """Assemble the clips' cached features into one file, with an index and what they were made with.

    `features.npy` is float16 (all frames, D), `index.csv` one row a clip (clip, start, steps), `meta.json` is `meta`.
    """
    steps = [len(job.times) for job in jobs]
    folder.mkdir(parents=True)
    packed = np.lib.format.open_memmap(folder / "features.npy", "w+", np.float16, (sum(steps), meta["dim"]))
    starts = np.cumsum([0, *steps[:-1]])
    for job, start in zip(jobs, starts, strict=True):
        packed[start : start + len(job.times)] = np.load(cached(cache, job.key))
    packed.flush()
    index = pd.DataFrame({"clip": [job.clip for job in jobs], "start": starts, "steps": steps})
    index.to_csv(folder / "index.csv", index=False)
    files.write_json(folder / "meta.json", meta)


def clips_with_features(table: Path, folder: Path) -> pd.DataFrame:
    """Read the clip table, without the clips that were skipped on the way to the packed features in `folder`."""
    clips = pd.read_csv(table, dtype=str)
    return clips[clips["clip"].isin(pd.read_csv(folder / "index.csv", dtype={"clip": str})["clip"])]


def load_sequences(folder: Path, clips: list[str]) -> list[torch.Tensor]:
    """Read the features of the named clips from a packed folder as float32 (T, D) each."""
    index = pd.read_csv(folder / "index.csv", dtype={"clip": str}).set_index("clip")
    packed = np.load(folder / "features.npy", mmap_mode="r")
    rows = index.loc[clips]
    return [
        torch.from_numpy(packed[start : start + steps].astype(np.float32))
        for start, steps in zip(rows.start, rows.steps, strict=True)
    ]
