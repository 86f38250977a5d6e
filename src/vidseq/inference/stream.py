"""From frames as they come to class probabilities: any model on a live video."""

from collections import deque
from collections.abc import Iterable, Iterator

import av
import numpy as np

from vidseq.inference.steps import StepEncoder, live_features
from vidseq.models.trained_model import TrainedModel


class LiveStream:
    """What a model says after each step of a live video, and of which stretch. `window` is that of its `stream`."""

    def __init__(self, model: TrainedModel, window: int | None = None):
        self.stream = model.stream(window)
        self.times: deque[float] = deque(maxlen=model.window if window is None else window)

    def push(self, seconds: float, features_D: np.ndarray) -> tuple[list[float], np.ndarray]:
        """Take the next step; returns the times (s) of the steps that the answer is of, and the probabilities (C,)."""
        self.times.append(seconds)
        p_C = self.stream.push(features_D)
        return list(self.times)[-self.stream.seen :], p_C


def stream_probabilities(
    frames: Iterable[tuple[float, av.VideoFrame]], model: TrainedModel, encode: StepEncoder, window: int | None = None
) -> Iterator[tuple[list[float], np.ndarray]]:
    """Yield what `LiveStream` says after each frame that is sampled.

    `frames` come with the times at which they begin, as `video.read.stream_frames` has those of a file; no later frame
    takes part in an answer. The features are rounded to float16, as those of the training are. Raises VidseqError if
    the model samples its frames other than by fps.
    """
    live = LiveStream(model, window)
    for seconds, features_D in live_features(frames, model, encode):
        yield live.push(seconds, features_D)
