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
FRAMES_AHEAD = 64  # frames decoded and not yet encoded: with the decoders, what bounds the memory


@dataclass(frozen=True)
class Job:
    """One clip whose frames at `times` (s, ascending) are to be encoded; `key` names the result in the cache.

    With a `difference`, so is at each of them the image of what changed in that many seconds.
    """

    clip: str
    path: Path
    times: list[float]
    key: str
    difference: float | None = None


def kinds_of_images(difference: float | None) -> list[str]:
    """Return what is encoded at each step of a job with this `difference`; the features stand side by side."""
    return ["frame"] if difference is None else ["frame", "motion"]


def encode_clips(jobs: list[Job], fit: video.Fit, engine: Engine) -> Iterator[tuple[Job, np.ndarray | VideoError]]:
    """Yield each job with its float16 features (T, D), or with the reason why it cannot be decoded, in any order."""
    bad: dict[int, VideoError] = {}
    features: dict[int, list[np.ndarray | None]] = {}
    missing = [len(job.times) * len(kinds_of_images(job.difference)) for job in jobs]
    for (index, place), feature_D in engine(_images(jobs, fit, bad)):
        features.setdefault(index, [None] * missing[index])[place] = feature_D
        missing[index] -= 1
        if not missing[index]:
            yield jobs[index], np.stack(features.pop(index)).reshape(len(jobs[index].times), -1)
    for index, error in bad.items():
        yield jobs[index], error


def images(job: Job, fit: video.Fit) -> Iterator[np.ndarray]:
    """Yield what the CNN is shown of a clip, RGB uint8 (3, S, S): each step's frame, and its difference image.

    That is |this frame - the one `job.difference` seconds before it, or the clip's first|: what stands still is gone,
    what moves keeps its shape (after the RGB difference of Wang et al., 2016, but unsigned, so that a clip played
    backwards has the same difference images, and order stays for the heads to tell).
    """
    if job.difference is None:
        yield from video.read_inputs(job.path, job.times, fit)
        return
    earlier = [max(time - job.difference, 0.0) for time in job.times]
    wanted = sorted({*earlier, *job.times})
    inputs = zip(wanted, video.read_inputs(job.path, wanted, fit), strict=True)
    held: dict[float, np.ndarray] = {}
    for before, now in zip(earlier, job.times, strict=True):
        held = {time: frame_3SS for time, frame_3SS in held.items() if time >= before}
        while now not in held:
            time, frame_3SS = next(inputs)
            held[time] = frame_3SS
        yield held[now]
        yield np.maximum(held[now], held[before]) - np.minimum(held[now], held[before])


def _images(
    jobs: list[Job], fit: video.Fit, bad: dict[int, VideoError]
) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """Yield every image that is to be encoded, tagged (job, place), as the decoders bring them; fill in `bad` jobs."""
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
            for place, image_3SS in enumerate(images(jobs[index], fit)):
                put(index, place, image_3SS)
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
            index, place, item = ready.get()
            if place >= 0:
                yield (index, place), item
                continue
            left -= 1
            if isinstance(item, VideoError):
                bad[index] = item
            elif item is not None:
                raise item
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)
