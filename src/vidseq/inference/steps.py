"""The features of a live or long video, step by step, computed as those of a clip are."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np

from vidseq.errors import VideoError
from vidseq.extraction.encode import Job, difference_image, encode_clips, recorded_diff
from vidseq.extraction.engines import Engine
from vidseq.models.trained_model import TrainedModel
from vidseq.params import FramesParams
from vidseq.video.read import frame_timestamps
from vidseq.video.sampling import sample_stream, sample_times
from vidseq.video.transform import FrameTransform, FrameTransformer

STEPS_PER_JOB = 128  # a long file is decoded in pieces, several at a time


def sampling_rate(model: TrainedModel) -> float:
    """Return how many steps per second a model reads. Raises ValueError if it samples its frames other than by fps."""
    settings = model.config["frames"]
    if settings["strategy"] != "fps":
        raise ValueError(f"frames.strategy = {settings['strategy']}: a stream can be sampled by fps alone")
    return settings["fps"]


class StepEncoder:
    """Encodes the steps of a live video one by one; an image that equals that of the step before is not encoded again.

    `transform` and `engine` are those of the backbone that the model was trained on.
    """

    def __init__(self, model: TrainedModel, transform: FrameTransform, engine: Engine):
        self.diff, self.engine = recorded_diff(model.config["features"]), engine
        self.to_input = FrameTransformer(transform, model.config["frames"]["crop"])
        self.images = [np.empty(0)] * 2
        self.features: dict[int, np.ndarray] = {}

    @property
    def diff_seconds(self) -> float:
        """How long before a step the frame is that it is compared with (s), 0 without difference images."""
        return self.diff.seconds if self.diff else 0.0

    def __call__(self, frame: av.VideoFrame, before: av.VideoFrame) -> np.ndarray:
        """Return the features, float16 (D,), of a frame and the one `diff_seconds` before it."""
        images = [self.to_input(frame)]
        if self.diff is not None:
            images.append(difference_image(images[0], self.to_input(before), self.diff.size))
        new = [(kind, image) for kind, image in enumerate(images) if not np.array_equal(image, self.images[kind])]
        self.features |= dict(self.engine(new))
        self.images = images
        return np.concatenate([self.features[kind] for kind in range(len(images))])


def live_features(
    frames: Iterable[tuple[float, av.VideoFrame]], model: TrainedModel, encode: StepEncoder
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the time (s) of each frame that is sampled, and its features, float16 (D,), before the next one is read."""
    for seconds, frame, before in sample_stream(frames, sampling_rate(model), encode.diff_seconds):
        yield seconds, encode(frame, before)


def file_features(
    path: Path, model: TrainedModel, transform: FrameTransform, engine: Engine
) -> Iterator[tuple[list[float], np.ndarray]]:
    """Yield the times (s, ascending) of the frames sampled from a file of any length, and their features (T, D).

    They come in pieces, in order, as fast as clips are encoded; each frame goes through the CNN once. Raises
    VideoError if the file cannot be read.
    """
    sampling_rate(model)
    settings = FramesParams(**model.config["frames"])
    timestamps_N = frame_timestamps(path)
    times = sample_times(timestamps_N, settings.model_copy(update={"max_frames": len(timestamps_N) + 1})).tolist()
    diff, jobs = recorded_diff(model.config["features"]), []
    for number, first in enumerate(range(0, len(times), STEPS_PER_JOB)):
        jobs.append(Job(str(number), path, times[first : first + STEPS_PER_JOB], diff=diff, crop=settings.crop))
    done: dict[str, np.ndarray | VideoError] = {}
    encoded = encode_clips(jobs, transform, engine)
    for job in jobs:
        while job.clip not in done:
            other, result = next(encoded)
            done[other.clip] = result
        features = done.pop(job.clip)
        if isinstance(features, VideoError):
            raise features
        yield job.times, features
