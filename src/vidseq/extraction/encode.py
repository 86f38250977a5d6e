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

from vidseq.errors import VideoError, VidseqError
from vidseq.extraction.engines import Engine, Tagged
from vidseq.files import sha256
from vidseq.video.transform import FrameTransform, read_inputs

DECODERS = min(8, os.cpu_count() or 1)  # threads; FFmpeg releases the interpreter's lock
FRAMES_AHEAD = 64  # frames decoded and not yet encoded: with the decoders, what bounds the memory


@dataclass(frozen=True)
class Job:
    """One clip whose frames at `times` (s, ascending) are to be encoded; `key` names the result in the cache.

    With `diff_seconds`, each of them also has a difference image: what changed in that time. With `sha256`, the file
    must have that content.
    """

    clip: str
    path: Path
    times: list[float]
    key: str = ""
    diff_seconds: float | None = None
    sha256: str | None = None

    @property
    def images(self) -> int:
        """The number of images to encode."""
        return len(self.times) * len(image_types(self.diff_seconds))


def image_types(diff_seconds: float | None) -> list[str]:
    """Return what is encoded at each step of a clip; the features are side by side, in this order."""
    return ["rgb"] if diff_seconds is None else ["rgb", "diff"]


def images(job: Job, transform: FrameTransform) -> Iterator[np.ndarray]:
    """Yield the CNN's inputs for a clip, RGB uint8 (3, S, S): each step's frame, followed by its difference image.

    That is the difference from the frame `diff_seconds` before it, or from the clip's first one.
    """
    if job.diff_seconds is None:
        yield from read_inputs(job.path, job.times, transform)
        return
    earlier = [max(time - job.diff_seconds, 0.0) for time in job.times]
    wanted = sorted({*earlier, *job.times})
    inputs = zip(wanted, read_inputs(job.path, wanted, transform), strict=True)
    held: dict[float, np.ndarray] = {}
    for before, now in zip(earlier, job.times, strict=True):
        held = {time: frame_3SS for time, frame_3SS in held.items() if time >= before}
        while now not in held:
            time, frame_3SS = next(inputs)
            held[time] = frame_3SS
        yield held[now]
        yield difference_image(held[now], held[before])


def difference_image(now_3SS: np.ndarray, before_3SS: np.ndarray) -> np.ndarray:
    """Return |now - before|, uint8: what stands still is gone, what moves keeps its shape.

    It is the RGB difference of Wang et al. (2016), but unsigned, so that a clip played backwards has the same
    difference images, and order is left to the heads.
    """
    return np.maximum(now_3SS, before_3SS) - np.minimum(now_3SS, before_3SS)


def encode_clips(
    jobs: list[Job], transform: FrameTransform, engine: Engine
) -> Iterator[tuple[Job, np.ndarray | VideoError]]:
    """Yield each job with its float16 features (T, D), or with the reason why it cannot be decoded, in any order.

    Raises VidseqError if a file's content is not that of its job.
    """
    decoders = _Decoders(jobs, transform)
    encoded: dict[int, dict[int, np.ndarray]] = {}  # by job, the features of its images that are done
    for (index, position), feature_D in engine(decoders.frames()):
        done = encoded.setdefault(index, {})
        done[position] = feature_D
        if len(done) == jobs[index].images:
            in_order = [done[position] for position in range(len(done))]
            yield jobs[index], np.stack(in_order).reshape(len(jobs[index].times), -1)
            del encoded[index]
    for index, error in decoders.errors.items():
        yield jobs[index], error


@dataclass(frozen=True)
class _Image:
    index: int  # of the job
    position: int  # among the job's images
    pixels_3SS: np.ndarray


@dataclass(frozen=True)
class _End:
    index: int
    error: Exception | None


class _Decoders:
    """Threads that decode the clips; `errors` has the jobs that could not be decoded once `frames` has ended."""

    def __init__(self, jobs: list[Job], transform: FrameTransform):
        self.jobs, self.transform = jobs, transform
        self.errors: dict[int, VideoError] = {}
        self.ready: Queue[_Image | _End] = Queue(FRAMES_AHEAD)
        self.stopped = Event()

    def frames(self) -> Iterator[Tagged]:
        """Yield every image, tagged (index of its job, position in it), as the decoders finish them."""
        pool = ThreadPoolExecutor(DECODERS)
        try:
            for index in range(len(self.jobs)):
                pool.submit(self._decode, index)
            left = len(self.jobs)
            while left:
                item = self.ready.get()
                if isinstance(item, _Image):
                    yield (item.index, item.position), item.pixels_3SS
                    continue
                left -= 1
                if isinstance(item.error, VideoError):
                    self.errors[item.index] = item.error
                elif item.error is not None:
                    raise item.error
        finally:
            self.stopped.set()
            pool.shutdown(cancel_futures=True)

    def _decode(self, index: int) -> None:
        try:
            check_content(self.jobs[index])
            for position, image_3SS in enumerate(images(self.jobs[index], self.transform)):
                self._put(_Image(index, position, image_3SS))
                if self.stopped.is_set():
                    return
            self._put(_End(index, None))
        except Exception as error:  # whatever it is, it must not end with the thread
            self._put(_End(index, error))

    def _put(self, item: _Image | _End) -> None:
        while not self.stopped.is_set():
            with suppress(Full):
                self.ready.put(item, timeout=0.1)
                return


def check_content(job: Job) -> None:
    """Raise VidseqError if the job's file was edited since its content was recorded."""
    try:
        edited = job.sha256 is not None and sha256(job.path) != job.sha256
    except OSError as error:
        raise VideoError(error.strerror or str(error)) from error
    if edited:
        raise VidseqError(
            f"{job.clip} has changed since download ({job.path.resolve()} has another SHA-256 than data/clips.csv): "
            "to read it anew, run dvc repro --force --single-item download"
        )
