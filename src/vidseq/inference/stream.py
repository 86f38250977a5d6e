"""From frames as they come to class probabilities: a causal model on a live video."""

from collections.abc import Iterable, Iterator

import av
import numpy as np

from vidseq.extraction.encode import difference_image, recorded_diff
from vidseq.extraction.engines import Engine
from vidseq.models.trained_model import TrainedModel
from vidseq.video.sampling import sample_stream
from vidseq.video.transform import FrameTransform, FrameTransformer


def stream_probabilities(
    frames: Iterable[tuple[float, av.VideoFrame]],
    model: TrainedModel,
    transform: FrameTransform,
    engine: Engine,
    window: int | None = None,
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the time (s) of each frame that is sampled, and the class probabilities (C,) after it.

    `frames` come with the times at which they begin, as `video.read.stream_frames` has those of a file; no later frame
    takes part in an answer. `transform` and `engine` are those of the backbone that the model was trained on, `window`
    is that of `TrainedModel.stream`. The features are rounded to float16, as those of the training are. Raises
    ValueError if the model is not causal or samples its frames other than by `fps`.
    """
    settings, features = model.config["frames"], model.config["features"]
    if settings["strategy"] != "fps":
        raise ValueError(f"frames.strategy = {settings['strategy']}: a stream can be sampled by fps alone")
    stream, to_input = model.stream(window), FrameTransformer(transform, settings["crop"])
    diff = recorded_diff(features)
    for seconds, frame, before in sample_stream(frames, settings["fps"], diff.seconds if diff else 0.0):
        images = [to_input(frame)]
        if diff is not None:
            images.append(difference_image(images[0], to_input(before), diff.size))
        by_position = dict(engine(enumerate(images)))
        yield seconds, stream.push(np.concatenate([by_position[position] for position in range(len(images))]))
