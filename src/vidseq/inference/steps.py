"""The features of a live or long video, step by step, computed as those of a clip are."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np

from vidseq.errors import VideoError, VidseqError
from vidseq.extraction.encode import Job, difference_image, encode_clips, recorded_diff
from vidseq.extraction.engines import Engine
from vidseq.models.trained_model import TrainedModel
from vidseq.params import FramesParams
from vidseq.video.sampling import plan_frames, sample_stream
from vidseq.video.transform import FrameTransform, FrameTransformer

STEPS_PER_JOB = 128  # a long file is decoded in pieces, several at a time


def sampling_rate(model: TrainedModel) -> float:
    """Return how many steps per second a model reads. Raises VidseqError if it samples its frames other than by fps."""
    settings = model.config["frames"]
    if settings["strategy"] != "fps":
        raise VidseqError(f"the model's frames.strategy is {settings['strategy']}: a stream is sampled by fps alone")
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


def plan_file(path: Path, model: TrainedModel) -> tuple[list[float], float]:
    """Return the times (s, ascending) of the frames to sample from a file of any length, and its duration (s).

    Raises VideoError if the file cannot be read.
    """
    sampling_rate(model)
    settings = FramesParams(**model.config["frames"])
    times_T, seconds = plan_frames(path, settings.model_copy(update={"max_frames": sys.maxsize}))
    return times_T.tolist(), seconds


def file_features(
    path: Path, times: list[float], model: TrainedModel, transform: FrameTransform, engine: Engine
) -> Iterator[np.ndarray]:
    """Yield the features (T, D) of the frames of a file at `times`, which are those of `plan_file`.

    They come in pieces, in order, as fast as clips are encoded; each frame goes through the CNN once. Raises VideoError
    if the file cannot be read.
    """
    diff, crop = recorded_diff(model.config["features"]), model.config["frames"]["crop"]
    pieces = [times[first : first + STEPS_PER_JOB] for first in range(0, len(times), STEPS_PER_JOB)]
    jobs = [Job(str(number), path, piece, diff=diff, crop=crop) for number, piece in enumerate(pieces)]
    done: dict[str, np.ndarray | VideoError] = {}
    encoded = encode_clips(jobs, transform, engine)
    for job in jobs:
        while job.clip not in done:
            other, result = next(encoded)
            done[other.clip] = result
        features = done.pop(job.clip)
        if isinstance(features, VideoError):
            raise features
        yield features
