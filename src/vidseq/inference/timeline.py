"""What happens when in a long video: windows that overlap, and segments of one label."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np

from vidseq.errors import VidseqError
from vidseq.extraction.engines import Engine
from vidseq.inference.steps import file_features, sampling_rate
from vidseq.models.trained_model import TrainedModel
from vidseq.models.transformer import MAX_POSITIONS
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
    path: Path,
    times: list[float],
    model: TrainedModel,
    transform: FrameTransform,
    engine: Engine,
    window: int,
    stride: int,
) -> np.ndarray:
    """Return the class probabilities (T, C) of the steps of a video at `times`, which are those of `plan_file`.

    A window of `window` steps begins at every `stride` steps, and the last one ends with the video; a step's
    probabilities are the mean of those of the windows that it is in. Only the features of the last windows are held,
    whatever the length of the video. Raises VideoError if it cannot be read, ValueError if the stride is longer than
    the window.
    """
    if not 1 <= stride <= window:
        raise ValueError(f"stride = {stride}: it must be from 1 to the window, {window} steps")
    window = min(window, len(times))
    starts = sorted({*range(0, len(times) - window + 1, stride), len(times) - window})
    windows = _windows(file_features(path, times, model, transform, engine), starts, window)
    sum_TC, count_T1 = np.zeros((len(times), len(model.classes))), np.zeros((len(times), 1))
    while batch := list(islice(windows, WINDOWS_PER_BATCH)):
        for (start, _), p_C in zip(batch, model.probabilities([x_TD for _, x_TD in batch]), strict=True):
            sum_TC[start : start + window] += p_C
            count_T1[start : start + window] += 1
    return sum_TC / count_T1


def _windows(pieces: Iterator[np.ndarray], starts: list[int], window: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the features of each window (window, D), with its first step; earlier ones are let go."""
    held_TD, begin = next(pieces), 0
    for start in starts:
        while start + window > begin + len(held_TD):
            held_TD, begin = np.concatenate([held_TD[start - begin :], next(pieces)]), start
        yield start, held_TD[start - begin :][:window]


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
    """Return a length of time in steps, at least one. Raises VidseqError if it is none, or longer than any sequence."""
    longest = MAX_POSITIONS / (fps := sampling_rate(model))
    if not 0 < seconds <= longest:
        raise VidseqError(f"{name} = {seconds:g} s: it must be above 0 and at most {longest:g} s")
    return max(1, round(seconds * fps))
