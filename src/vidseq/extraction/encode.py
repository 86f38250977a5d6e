"""From jobs to features: clips are decoded in threads, and their frames go through the CNN as they come."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from queue import Full, Queue
from threading import Event
from typing import NamedTuple

import numpy as np
from PIL import Image

from vidseq.errors import VideoError, VidseqError
from vidseq.extraction.engines import Engine, Tagged
from vidseq.files import sha256
from vidseq.params import FeaturesParams
from vidseq.video.display import Crop
from vidseq.video.transform import FrameTransform, read_inputs

DECODERS = min(8, os.cpu_count() or 1)  # threads; FFmpeg releases the interpreter's lock
FRAMES_AHEAD = 64  # frames decoded and not yet encoded: with the decoders, what bounds the memory


class Diff(NamedTuple):
    """Difference images: what changed in so many seconds, on `size` x `size` pixels."""

    seconds: float
    size: int


def diff_of(settings: FeaturesParams) -> Diff | None:
    """Return which difference images the params ask for."""
    return None if settings.diff_seconds is None else Diff(settings.diff_seconds, settings.diff_size)


def recorded_diff(feature_config: dict) -> Diff | None:
    """Return which difference images features were computed with."""
    return Diff(**feature_config["diff"]) if feature_config["diff"] else None


@dataclass(frozen=True)
class Job:
    """One clip whose frames at `times` (s, ascending) are to be encoded; `key` names the result in the cache.

    With `diff`, each of them also has a difference image. With `sha256`, the file must have that content. `crop` is the
    part of the frames to encode, and `start` where the clip begins in the file (s): what came before is not its own.
    """

    clip: str
    path: Path
    times: list[float]
    key: str = ""
    diff: Diff | None = None
    sha256: str | None = None
    crop: Crop | None = None
    start: float = 0.0


def image_types(diff: Diff | None) -> list[str]:
    """Return what is encoded at each step of a clip; the features are side by side, in this order."""
    return ["rgb"] if diff is None else ["rgb", "diff"]


def images(job: Job, transform: FrameTransform) -> Iterator[np.ndarray]:
    """Yield the CNN's inputs for a clip, RGB uint8 (3, S, S): each step's frame, followed by its difference image.

    That is the difference from the frame `diff.seconds` before it, or from the clip's first one.
    """
    if job.diff is None:
        yield from read_inputs(job.path, job.times, transform, job.crop)
        return
    earlier = [max(time - job.diff.seconds, job.start) for time in job.times]
    wanted = sorted({*earlier, *job.times})
    inputs = zip(wanted, read_inputs(job.path, wanted, transform, job.crop), strict=True)
    held: dict[float, np.ndarray] = {}
    for before, now in zip(earlier, job.times, strict=True):
        held = {time: frame_3SS for time, frame_3SS in held.items() if time >= before}
        while now not in held:
            time, frame_3SS = next(inputs)
            held[time] = frame_3SS
        yield held[now]
        yield difference_image(held[now], held[before], job.diff.size)


def difference_image(now_3SS: np.ndarray, before_3SS: np.ndarray, size: int) -> np.ndarray:
    """Return |now - before|, resized to uint8 (3, size, size): what stands still is gone, what moves keeps its shape.

    It is the RGB difference of Wang et al. (2016), but unsigned, so that a clip played backwards has the same
    difference images, and order is left to the heads.
    """
    diff_3SS = np.maximum(now_3SS, before_3SS) - np.minimum(now_3SS, before_3SS)
    planes = [Image.fromarray(diff_SS).resize((size, size), Image.Resampling.BILINEAR) for diff_SS in diff_3SS]
    return np.stack([np.asarray(plane) for plane in planes])


def encode_clips(
    jobs: list[Job], transform: FrameTransform, engine: Engine
) -> Iterator[tuple[Job, np.ndarray | VideoError]]:
    """Yield each job with its float16 features (T, D), or with the reason why it cannot be decoded, in any order.

    Raises VidseqError if a file's content is not that of its job.
    """
    decoders = _Decoders(jobs, transform)
    encoded: dict[int, dict[int, np.ndarray]] = {}  # by job, the features of its images that are done
    for (index, position), feature_D in engine(decoders.frames()):
        encoded.setdefault(index, {})[position] = feature_D
        yield from _complete(jobs, decoders, encoded)
    yield from _complete(jobs, decoders, encoded)
    for index, error in decoders.errors.items():
        yield jobs[index], error


def _complete(
    jobs: list[Job], decoders: "_Decoders", encoded: dict[int, dict[int, np.ndarray]]
) -> Iterator[tuple[Job, np.ndarray]]:
    """Take the jobs whose images are all done out of `encoded`, and yield them."""
    for index in [i for i, done in encoded.items() if len(done) == len(set(decoders.chosen.get(i, ())))]:
        done = encoded.pop(index)
        in_order = [done[position] for position in decoders.chosen.pop(index)]
        yield jobs[index], np.stack(in_order).reshape(len(jobs[index].times), -1)


@dataclass(frozen=True)
class _Image:
    index: int  # of the job
    position: int  # among the job's images
    pixels_3SS: np.ndarray


@dataclass(frozen=True)
class _End:
    index: int  # of the job
    chosen: list[int]  # for each of its images, the first one that is equal: that alone is encoded
    error: Exception | None = None


class _Decoders:
    """Threads that decode the clips, of which equal images are encoded once.

    `chosen` has, for each job that is decoded, which image stands for each of its images; `errors` has the jobs that
    could not be decoded.
    """

    def __init__(self, jobs: list[Job], transform: FrameTransform):
        self.jobs, self.transform = jobs, transform
        self.chosen: dict[int, list[int]] = {}
        self.errors: dict[int, VideoError] = {}
        self.ready: Queue[_Image | _End] = Queue(FRAMES_AHEAD)
        self.stopped = Event()

    def frames(self) -> Iterator[Tagged]:
        """Yield the images to encode, tagged (index of their job, position in it), as the decoders finish them."""
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
                if item.error is None:
                    self.chosen[item.index] = item.chosen
                elif isinstance(item.error, VideoError):
                    self.errors[item.index] = item.error
                else:
                    raise item.error
        finally:
            self.stopped.set()
            pool.shutdown(cancel_futures=True)

    def _decode(self, index: int) -> None:
        first: dict[bytes, int] = {}  # the position of an image, by its digest
        chosen = []
        try:
            check_content(self.jobs[index])
            for position, image_3SS in enumerate(images(self.jobs[index], self.transform)):
                digest = blake2b(image_3SS.tobytes(), digest_size=16).digest()
                chosen.append(first.setdefault(digest, position))
                if chosen[-1] == position:
                    self._put(_Image(index, position, image_3SS))
                if self.stopped.is_set():
                    return
            self._put(_End(index, chosen))
        except Exception as error:  # whatever it is, it must not end with the thread
            self._put(_End(index, [], error))

    def _put(self, item: _Image | _End) -> None:
        while not self.stopped.is_set():
            with suppress(Full):
                self.ready.put(item, timeout=0.1)
                return


def check_content(job: Job) -> None:
    """Raise VidseqError if the job's file was edited since its content was recorded."""
    try:
        edited = job.sha256 is not None and _sha256(job.path, job.path.stat().st_mtime_ns) != job.sha256
    except OSError as error:
        raise VideoError(error.strerror or str(error)) from error
    if edited:
        raise VidseqError(
            f"{job.clip} has changed since download ({job.path.resolve()} has another SHA-256 than data/clips.csv): "
            "to read it anew, run dvc repro --force --single-item download"
        )


@lru_cache(maxsize=1024)
def _sha256(path: Path, modified_ns: int) -> str:
    return sha256(path)  # a long recording has many clips
