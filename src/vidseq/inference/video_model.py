"""A trained model on videos: files, long ones, and streams. `vidseq.load_model` makes one.

The commands are thin over it; it goes through the very code of training, from decoding to probabilities.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

import av
import numpy as np

from vidseq import paths
from vidseq.errors import VideoError, VidseqError
from vidseq.extraction.backbone import Backbone
from vidseq.extraction.encode import recorded_diff
from vidseq.extraction.engines import Engine, Runtime
from vidseq.inference.predict import BATCH_SIZE, backbone_of, predict_clips
from vidseq.inference.steps import StepEncoder, live_features, plan_file, sampling_rate
from vidseq.inference.stream import LiveStream
from vidseq.inference.timeline import Segment, in_steps, segments, timeline
from vidseq.models.thresholds import OutOfFold, choose_known_threshold, choose_threshold
from vidseq.models.trained_model import load_model
from vidseq.params import REFUSED, UNKNOWN

STRIDE = 4  # by default, so many windows cover a step


@dataclass(frozen=True)
class Prediction:
    """What a model says of a clip, or of the last stretch of a stream.

    `label` is the most probable class, or "unknown" if its probability is below the model's `threshold`;
    `probabilities` has all classes, the most probable first. `times` (s) are those of the frames that it is based on.
    """

    label: str
    probabilities: dict[str, float]
    times: list[float]


@dataclass(frozen=True)
class Timeline:
    """What a model says of a long video: its `duration` (s), the segments, and at each step's time (s) all classes."""

    duration: float
    segments: list[Segment]
    times: list[float]
    probabilities: dict[str, list[float]]


class VideoModel:
    """A trained model with the frozen CNN that it was trained on."""

    def __init__(self, folder: str | PathLike[str], refused: float = REFUSED, cache_dir: Path | None = None):
        """Read a model's folder. Raises VidseqError if it holds none, or if the CNN has other weights now.

        A clip whose largest probability is below `threshold` is "unknown". The threshold is that below which `refused`
        (0 to 1) of the training clips are, by models that have not seen their groups; 0 turns it off. `cache_dir` is
        where the CNN is kept as it runs here, by default .cache/models of the working directory.
        """
        if not 0 <= refused < 1:
            raise VidseqError(f"refused = {refused}: it must be from 0 to below 1")
        self.folder, self.cache_dir = Path(folder), cache_dir or paths.cache("models")
        self.model = load_model(self.folder)
        self.out_of_fold = OutOfFold.load(self.folder, len(self.model.classes))
        self.threshold = choose_known_threshold(self.out_of_fold, refused) if refused else 0.0

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return self.model.classes

    @cached_property
    def backbone(self) -> tuple[Backbone, Runtime]:
        """The frozen CNN, and what runs it here."""
        return backbone_of(self.model, self.cache_dir)

    @cached_property
    def engine(self) -> Engine:
        """The frozen CNN, ready to run."""
        backbone, runtime = self.backbone
        return backbone.engine(runtime, BATCH_SIZE)

    @property
    def runs_as_trained(self) -> bool:
        """Whether the features are computed here by what computed those of the training."""
        backbone, runtime = self.backbone
        trained_on = self.model.config["features"]
        return backbone.feature_config(runtime, recorded_diff(trained_on)) == trained_on

    def predict(self, path: str | PathLike[str]) -> Prediction:
        """Return what the model says of a video file as one clip. Raises VideoError if it cannot be read."""
        [prediction] = self.predict_all([path])
        if isinstance(prediction, VideoError):
            raise prediction
        return prediction

    def predict_all(self, files: Iterable[str | PathLike[str]]) -> Iterator[Prediction | VideoError]:
        """Yield a prediction for each file, in order, or why it cannot be read; faster than one call for each."""
        transform = self.backbone[0].transform
        for result in predict_clips(map(Path, files), self.model, transform, self.engine):
            yield result if isinstance(result, VideoError) else self.prediction(times=result[1], p_C=result[0])

    def timeline(self, path: str | PathLike[str], window: float | None = None, stride: float | None = None) -> Timeline:
        """Return what happens when in a long video.

        A window of `window` seconds begins every `stride` seconds: by default, windows are as long as the median clip
        of training, and overlap by three quarters. Raises VideoError if the file cannot be read, VidseqError for a
        window or a stride that makes no sense.
        """
        fps = sampling_rate(self.model)
        steps = self.model.window if window is None else in_steps(window, self.model, "window")
        every = max(1, steps // STRIDE) if stride is None else in_steps(stride, self.model, "stride")
        if every > steps:
            raise VidseqError(f"stride = {every / fps:g} s: it must not be longer than the window, {steps / fps:g} s")
        times, lasts = plan_file(Path(path), self.model)
        p_TC = timeline(Path(path), times, self.model, self.backbone[0].transform, self.engine, steps, every)
        found = segments(p_TC, self.classes, fps, lasts, self.threshold, UNKNOWN)
        by_class = {label: p_TC[:, index].tolist() for index, label in enumerate(self.classes)}
        return Timeline(lasts, found, times, by_class)

    def stream(
        self, frames: Iterable[tuple[float, av.VideoFrame]], window: float | None = None
    ) -> Iterator[Prediction]:
        """Yield a prediction after each frame that is sampled from frames as they come, with their times (s).

        A causal model carries its state and answers from the last half to whole `window` (s); any other reads the last
        window anew. By default it is as long as the median clip of training.
        """
        live = self.live_stream(window)
        for seconds, features_D in live_features(frames, self.model, self.step_encoder()):
            yield self.prediction(*live.push(seconds, features_D))

    def live_stream(self, window: float | None = None) -> LiveStream:
        """Begin a stream, whose answers `prediction` turns into predictions; `window` is that of `stream`."""
        sampling_rate(self.model)
        steps = None if window is None else in_steps(window, self.model, "window")
        if steps is not None and self.model.causal:
            steps += steps % 2
        return LiveStream(self.model, steps)

    def step_encoder(self) -> StepEncoder:
        """Return what encodes the steps of one live video."""
        return StepEncoder(self.model, self.backbone[0].transform, self.engine)

    def prediction(self, times: list[float], p_C: np.ndarray) -> Prediction:
        """Return the prediction that the class probabilities (C,) make, of frames at these times (s)."""
        ranked = sorted(zip(self.classes, map(float, p_C), strict=True), key=lambda pair: -pair[1])
        label = ranked[0][0] if ranked[0][1] >= self.threshold else UNKNOWN
        return Prediction(label, dict(ranked), times)

    def alarm_threshold(self, label: str, min_recall: float) -> float:
        """Return the probability at which an alarm finds `min_recall` of a class, by the out-of-fold scores.

        Raises VidseqError for a class that the model does not know.
        """
        if label not in self.classes:
            raise VidseqError(f"{self.folder} knows no class {label!r}, only {', '.join(self.classes)}")
        return choose_threshold(self.out_of_fold, self.classes.index(label), min_recall)
