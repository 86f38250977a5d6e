"""What happens when in a long video: windows that overlap, and segments of one label."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from vidseq.errors import VidseqError
from vidseq.extraction.engines import Engine
from vidseq.inference.steps import file_features, sampling_rate
from vidseq.models.trained_model import TrainedModel
from vidseq.video.transform import FrameTransform

WINDOWS_PER_BATCH = 64


@dataclass(frozen=True)
class Segment:
    """A stretch of a video, from `start` to `end` (s), under one label; `probability` is the mean of that class's.

    Of a stretch that is of no known class, it is the mean of the largest.
    """

    start: float
    end: float
    label: str
    probability: float


def timeline(
    path: Path, model: TrainedModel, transform: FrameTransform, engine: Engine, window: int, stride: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the times (s, (T,)) of the steps of a video and the class probabilities of each, (T, C).

    A window of `window` steps begins at every `stride` steps, and the last one ends with the video; a step's
    probabilities are the mean of those of the windows that it is in. Only the features of the last windows are held,
    whatever the length of the video. Raises VideoError if it cannot be read, ValueError if the stride is longer than
    the window.
    """
    if not 1 <= stride <= window:
        raise ValueError(f"stride = {stride}: it must be from 1 to the window, {window} steps")
    times: list[float] = []
    windows = _windows(file_features(path, model, transform, engine), times, window, stride)
    sums: list[np.ndarray] = []  # by step
    counts: list[int] = []
    while batch := [found for found, _ in zip(windows, range(WINDOWS_PER_BATCH), strict=False)]:
        for (first, x_TD), p_C in zip(batch, model.probabilities([x_TD for _, x_TD in batch]), strict=True):
            for step in range(first, first + len(x_TD)):
                if step == len(sums):
                    sums.append(np.zeros_like(p_C))
                    counts.append(0)
                sums[step] += p_C
                counts[step] += 1
    return np.array(times), np.stack(sums) / np.array(counts)[:, None]


def _windows(
    pieces: Iterator[tuple[list[float], np.ndarray]], times: list[float], window: int, stride: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each window's first step and its features, and append the times of the steps to `times`."""
    held_TD: np.ndarray | None = None
    begin = following = 0  # the step of the first features held, and of the next window
    for piece, x_TD in pieces:
        times += piece
        held_TD = x_TD if held_TD is None else np.concatenate([held_TD, x_TD])
        while following + window <= begin + len(held_TD):
            yield following, held_TD[following - begin :][:window]
            following += stride
        begin_after = max(begin, len(times) - 2 * window)  # the last window may begin before the next stride
        begin, held_TD = begin_after, held_TD[begin_after - begin :]
    assert held_TD is not None  # a video has at least one step
    if following == 0 or following - stride + window < len(times):
        first = max(0, len(times) - window)
        yield first, held_TD[first - begin :]


def segments(
    p_TC: np.ndarray, classes: list[str], fps: float, end: float, threshold: float, other: str
) -> list[Segment]:
    """Join neighbouring steps of one label; step k lasts from k / fps to (k + 1) / fps, the last one to `end` (s).

    A step's label is its most probable class, or `other` if no probability reaches `threshold`.
    """
    largest_T = p_TC.max(1)
    labels = [classes[index] if p >= threshold else other for index, p in zip(p_TC.argmax(1), largest_T, strict=True)]
    found, first = [], 0
    for label, run in groupby(labels):
        after = first + len(list(run))
        probability = float(largest_T[first:after].mean())
        found.append(Segment(first / fps, end if after == len(labels) else after / fps, label, probability))
        first = after
    return found


def in_steps(seconds: float, model: TrainedModel, name: str) -> int:
    """Return a length of time in steps, at least one. Raises VidseqError if it is longer than any sequence."""
    steps = max(1, round(seconds * sampling_rate(model)))
    if steps > 1024:
        raise VidseqError(f"{name} = {seconds:g} s: at most {1024 / sampling_rate(model):g} s")
    return steps
