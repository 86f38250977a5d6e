"""From jobs to features: clips are decoded in threads, and their frames go through the CNN as they come."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Full, Queue
from threading import Event

import numpy as np

from vidseq import video
from vidseq.engines import Engine
from vidseq.errors import VideoError

DECODERS = min(8, os.cpu_count() or 1)  # threads; FFmpeg releases the interpreter's lock
FRAMES_AHEAD = 256  # frames decoded and not yet encoded: with the decoders, what bounds the memory


@dataclass(frozen=True)
class Job:
    """One clip whose frames at `times` (s, ascending) are to be encoded; `key` names the result in the cache."""

    clip: str
    path: Path
    times: list[float]
    key: str


def encode_clips(jobs: list[Job], fit: video.Fit, engine: Engine) -> Iterator[tuple[Job, np.ndarray | VideoError]]:
    """Yield each job with its float16 features (T, D), or with the reason why it cannot be decoded, in any order."""
    bad: dict[int, VideoError] = {}
    features: dict[int, list[np.ndarray | None]] = {}
    missing = [len(job.times) for job in jobs]
    for (index, step), feature_D in engine(_frames(jobs, fit, bad)):
        features.setdefault(index, [None] * len(jobs[index].times))[step] = feature_D
        missing[index] -= 1
        if not missing[index]:
            yield jobs[index], np.stack(features.pop(index))
    for index, error in bad.items():
        yield jobs[index], error


def _frames(
    jobs: list[Job], fit: video.Fit, bad: dict[int, VideoError]
) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """Yield every frame as its engine wants it, tagged (job, step), as the decoders bring them; fill in `bad` jobs."""
    ready: Queue[tuple[int, int, np.ndarray | Exception | None]] = Queue(FRAMES_AHEAD)
    stopped = Event()

    def put(*item: object) -> None:
        waiting = True
        while waiting and not stopped.is_set():
            with suppress(Full):
                ready.put(item, timeout=0.1)
                waiting = False

    def decode(index: int) -> None:
        try:
            for step, frame_3SS in enumerate(video.read_inputs(jobs[index].path, jobs[index].times, fit)):
                put(index, step, frame_3SS)
                if stopped.is_set():
                    return
            put(index, -1, None)
        except Exception as error:  # whatever it is, it must not end with the thread
            put(index, -1, error)

    pool = ThreadPoolExecutor(DECODERS)
    try:
        for index in range(len(jobs)):
            pool.submit(decode, index)
        left = len(jobs)
        while left:
            index, step, item = ready.get()
            if step >= 0:
                yield (index, step), item
                continue
            left -= 1
            if isinstance(item, VideoError):
                bad[index] = item
            elif item is not None:
                raise item
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)
