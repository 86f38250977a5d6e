"""Which frames of a clip become its sequence: chosen by timestamp, not by index, so that all frame rates are alike."""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from vidseq.errors import VideoError
from vidseq.params import FramesParams
from vidseq.video.packets import MAX_TAIL_S, ROUNDING_S, shown_frames
from vidseq.video.read import frame_timestamps

Frame = TypeVar("Frame")


def plan_frames(path: Path, params: FramesParams) -> tuple[np.ndarray, float]:
    """Return the timestamps of the frames to take from a video (s, ascending, (T,)) and the video's duration in s.

    Raises VideoError when the video cannot be read.
    """
    timestamps_N = frame_timestamps(path)
    return sample_times(timestamps_N, params), duration(timestamps_N)


def plan_interval(
    timestamps_N: np.ndarray, params: FramesParams, start: float, end: float
) -> tuple[np.ndarray, float, float]:
    """Plan the frames of a video that begin from `start` to before `end` (s), as though they were a file of their own.

    Returns their timestamps in the video (T,), how long (s) the interval is, and when its first frame begins. A bound
    that is NaN is the video's own. Raises VideoError where the interval is not in the video.
    """
    lasts = duration(timestamps_N)
    if end > lasts + MAX_TAIL_S:
        raise VideoError(f"it lasts {lasts:.2f} s, and the interval ends at {end:g} s")
    bounds = np.array([0.0 if np.isnan(start) else start, np.inf if np.isnan(end) else end])
    first, after = np.searchsorted(timestamps_N, bounds - ROUNDING_S)
    if first == after:
        raise VideoError(f"it lasts {lasts:.2f} s, and none of its frames begins from {bounds[0]:g} to {bounds[1]:g} s")
    begin = float(timestamps_N[first])
    within_N = timestamps_N[first:after] - begin
    return sample_times(within_N, params) + begin, duration(within_N), begin


def duration(timestamps_N: np.ndarray) -> float:
    """Return for how long (s) frames that begin at `timestamps_N` (s, ascending from 0) are on display."""
    gap = timestamps_N[-1] / (len(timestamps_N) - 1) if len(timestamps_N) > 1 else 0.0
    return float(timestamps_N[-1] + gap)  # the last frame is on display too


def sample_times(timestamps_N: np.ndarray, params: FramesParams) -> np.ndarray:
    """Choose up to `max_frames` of a clip's timestamps (s, ascending from 0); returns the chosen ones, ascending (T,).

    - `fps`: the frames on display at 1/2, 3/2, 5/2, ... of 1/fps seconds, as far as the clip goes, but at least one. A
      clip that is longer contributes its first max_frames frames. So what is chosen of the first part of a clip does
      not depend on the rest, and a stream, which has no end, can be sampled alike.
    - `uniform`: the frame on display at the middle of each of max_frames equal parts; a short clip repeats frames.
    - `first`: the first max_frames frames, whatever the rate.
    """
    if params.strategy == "first":
        return timestamps_N[: params.max_frames]
    if params.strategy == "fps":
        begun = int((timestamps_N[-1] + ROUNDING_S) * params.fps + 0.5)  # times up to the beginning of the last frame
        times_T = (np.arange(min(max(1, begun), params.max_frames)) + 0.5) / params.fps
    else:
        times_T = (np.arange(params.max_frames) + 0.5) * duration(timestamps_N) / params.max_frames
    return timestamps_N[shown_frames(timestamps_N, times_T)]


def sample_stream(
    frames: Iterable[tuple[float, Frame]], fps: float, diff_seconds: float
) -> Iterator[tuple[float, Frame, Frame]]:
    """Yield the frames that `fps` chooses of a stream, each with its time (s) and the frame `diff_seconds` before it.

    `frames` come with the times at which they begin, ascending, as `stream_frames` has them. What is on display at a
    time is known, and yielded, when the first frame begins at it or later. Only the last `diff_seconds` are held.
    """
    held: deque[tuple[float, Frame]] = deque()
    begin, step = 0.0, 0

    def chosen() -> tuple[float, Frame, Frame]:
        now, frame = held[-1]
        [before] = shown_frames(np.array([seconds for seconds, _ in held]), [now - diff_seconds])
        return now, frame, held[before][1]

    for seconds, frame in frames:
        begin = begin if held else seconds
        while held and begin + (step + 0.5) / fps < seconds - ROUNDING_S:
            yield chosen()
            step += 1
        held.append((seconds, frame))
        while len(held) > 1 and held[1][0] <= seconds - diff_seconds:
            held.popleft()  # the first one left is the last that began before
        while begin + (step + 0.5) / fps <= seconds + ROUNDING_S:
            yield chosen()
            step += 1
    if held and not step:
        yield chosen()
