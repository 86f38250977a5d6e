"""Which frames of a clip become its sequence: chosen by timestamp, not by index, so that all frame rates are alike."""

from pathlib import Path

import numpy as np

from vidseq.params import FramesParams
from vidseq.video.read import frame_timestamps


def plan_frames(path: Path, params: FramesParams) -> tuple[np.ndarray, float]:
    """Return the timestamps of the frames to take from a video (s, ascending, (T,)) and the video's duration in s.

    Raises VideoError when the video cannot be read.
    """
    timestamps_N = frame_timestamps(path)
    return sample_times(timestamps_N, params), duration(timestamps_N)


def duration(timestamps_N: np.ndarray) -> float:
    """Return for how long (s) frames that begin at `timestamps_N` (s, ascending from 0) are on display."""
    gap = timestamps_N[-1] / (len(timestamps_N) - 1) if len(timestamps_N) > 1 else 0.0
    return float(timestamps_N[-1] + gap)  # the last frame is on display too


def sample_times(timestamps_N: np.ndarray, params: FramesParams) -> np.ndarray:
    """Choose up to `max_frames` of a clip's timestamps (s, ascending from 0); returns the chosen ones, ascending (T,).

    - `fps`: the frame on display at the middle of each 1/fps seconds, so the length of the sequence follows the clip's;
      a clip too long for that is sampled like `uniform`.
    - `uniform`: the frame on display at the middle of each of max_frames equal parts; a short clip repeats frames.
    - `first`: the first max_frames frames, whatever the rate.
    """
    if params.strategy == "first":
        return timestamps_N[: params.max_frames]
    seconds = duration(timestamps_N)
    count = params.max_frames
    if params.strategy == "fps":
        count = min(max(1, round(seconds * params.fps)), params.max_frames)
    middles_T = (np.arange(count) + 0.5) * seconds / count
    shown_T = np.searchsorted(timestamps_N, middles_T + 1e-6, side="right") - 1  # the frame that began last
    return timestamps_N[shown_T]
