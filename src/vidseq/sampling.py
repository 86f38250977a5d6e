"""Which frames of a clip become the steps of its series. Timestamps, not indices, so that all frame rates are alike."""

import numpy as np

from vidseq.params import FramesParams


def duration(times: np.ndarray) -> float:
    """Return for how long (s) frames that begin at `times` (ascending from 0, (N,)) are on display."""
    gap = times[-1] / (len(times) - 1) if len(times) > 1 else 0.0
    return float(times[-1] + gap)  # the last frame is on display too


def sample_times(times: np.ndarray, params: FramesParams) -> np.ndarray:
    """Choose up to `max_steps` of a clip's frame times (ascending, s, (N,)); returns the chosen ones, ascending (T,).

    - `fps`: the frame on display at the middle of each 1/fps seconds, so the length of the series follows the clip's;
      a clip too long for that is sampled like `uniform`.
    - `uniform`: the frame on display at the middle of each of max_steps equal parts; a short clip repeats frames.
    - `first`: the first max_steps frames, whatever the rate.
    """
    if params.strategy == "first":
        return times[: params.max_steps]
    seconds = duration(times)
    steps = params.max_steps
    if params.strategy == "fps":
        steps = min(max(1, round(seconds * params.fps)), params.max_steps)
    middles = (np.arange(steps) + 0.5) * seconds / steps
    shown = np.searchsorted(times, middles + 1e-6, side="right") - 1  # the frame that began last
    return times[shown]
