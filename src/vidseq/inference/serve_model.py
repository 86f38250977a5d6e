"""What the server says of a video: the models of a project, and a prediction with what it rests on."""

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import Event, Lock

import numpy as np
from PIL import Image

from vidseq.errors import VideoError, VidseqError
from vidseq.extraction.backbone import Backbone
from vidseq.extraction.encode import Job, encode_clips, recorded_diff
from vidseq.extraction.engines import Engine, Tagged
from vidseq.inference.predict import BATCH_SIZE, backbone_of
from vidseq.models.attribution import occlusion, probability_over_time
from vidseq.models.thresholds import FILE, OutOfFold, choose_known_threshold
from vidseq.models.trained_model import TrainedModel, load_model
from vidseq.params import FramesParams
from vidseq.video.read import read_frames
from vidseq.video.sampling import plan_frames

UNKNOWN = "unknown"
REFUSED = 0.05  # of the training clips, by their out-of-fold scores
STRIP_FRAMES, STRIP_HEIGHT = 32, 96  # of a film strip: at most so many frames, of so many pixels
CURVES = 3  # classes whose probability is shown over time


class Stopped(Exception):
    """The client is gone: nobody waits for the answer."""


@dataclass(frozen=True)
class Served:
    """A model, its frozen CNN with what runs it, and the probability below which a clip is of no known class."""

    model: TrainedModel
    backbone: Backbone
    engine: Engine
    threshold: float


class Predictor:
    """The models of a project. One video at a time goes through the CNN, which uses all cores for it."""

    def __init__(self, project: Path, max_seconds: float):
        """Read all models of `project`. Raises VidseqError if there is none, or one cannot be read."""
        folders = sorted(path.parent for path in (project / "models").glob("*/model.json"))
        if not folders:
            raise VidseqError(f"{project / 'models'} holds no trained model: run dvc repro, or name another --project")
        self.max_seconds, self.lock = max_seconds, Lock()
        engines: dict[tuple, Engine] = {}
        self.models: dict[str, Served] = {}
        for folder in folders:
            model = load_model(folder)
            backbone, runtime = backbone_of(model, project / ".cache" / "models")
            if (backbone, runtime) not in engines:
                engines[backbone, runtime] = backbone.engine(runtime, BATCH_SIZE)
            threshold = choose_known_threshold(OutOfFold.load(folder), REFUSED) if (folder / FILE).exists() else 0.0
            self.models[folder.name] = Served(model, backbone, engines[backbone, runtime], threshold)

    @property
    def default(self) -> str:
        """The name of the model that answers where none is named."""
        return "rnn" if "rnn" in self.models else next(iter(self.models))

    def predict(self, path: Path, name: str, details: bool, stopped: Event) -> dict:
        """Return what the model `name` says of a video file; see docs/serve.md for the keys.

        Raises VideoError if it cannot be read or is too long, Stopped soon after `stopped` is set.
        """
        served = self.models[name]
        frames = FramesParams(**served.model.config["frames"])
        times_T, seconds = plan_frames(path, frames)
        if seconds > self.max_seconds:
            raise VideoError(f"it lasts {seconds:.0f} s; at most {self.max_seconds:.0f} s are accepted")
        times, diff = times_T.tolist(), recorded_diff(served.model.config["features"])
        job = Job("clip", path, times, diff=diff, crop=frames.crop)
        with _Turn(self.lock, stopped):
            [(_, features_TD)] = encode_clips([job], served.backbone.transform, stoppable(served.engine, stopped))
            if isinstance(features_TD, VideoError):
                raise features_TD
            p_C = served.model.probabilities([features_TD])[0]
            answer = describe(p_C, served) | {"model": name, "times": times}
            if details:
                answer |= explain(served.model, features_TD, p_C, stopped)
        return answer | (film_strip(path, times, frames) if details else {})


class _Turn:
    """Holds a lock that is waited for until the client is gone."""

    def __init__(self, lock: Lock, stopped: Event):
        self.lock, self.stopped = lock, stopped

    def __enter__(self) -> None:
        while not self.lock.acquire(timeout=0.1):
            check(self.stopped)

    def __exit__(self, *error: object) -> None:
        self.lock.release()


def check(stopped: Event) -> None:
    """Raise Stopped if the client is gone."""
    if stopped.is_set():
        raise Stopped


def stoppable(engine: Engine, stopped: Event) -> Engine:
    """Return an engine that takes no more images when the client is gone."""

    def images(tagged: Iterable[Tagged]) -> Iterator[Tagged]:
        for item in tagged:
            check(stopped)
            yield item

    run: Callable[[Iterable[Tagged]], Iterator[Tagged]] = lambda tagged: engine(images(tagged))  # noqa: E731
    return run


def describe(p_C: np.ndarray, served: Served) -> dict:
    """Return the label and the probabilities of all classes, the most probable first."""
    ranked = sorted(zip(served.model.classes, p_C.tolist(), strict=True), key=lambda pair: -pair[1])
    label, score = ranked[0]
    return {
        "label": label if score >= served.threshold else UNKNOWN,
        "score": score,
        "threshold": served.threshold,
        "probabilities": dict(ranked),
    }


def explain(model: TrainedModel, features_TD: np.ndarray, p_C: np.ndarray, stopped: Event) -> dict:
    """Return the most probable classes' probabilities over time, and what each frame adds to the first of them."""
    best = np.argsort(-p_C, kind="stable")[:CURVES].tolist()
    curves = {}
    for index in best:
        check(stopped)
        curves[model.classes[index]] = probability_over_time(model, features_TD, index).tolist()
    return {"over_time": curves, "importance": occlusion(model, features_TD, best[0]).tolist()}


def film_strip(path: Path, times: list[float], frames: FramesParams) -> dict:
    """Return some of the frames as small images, data URLs, with their positions among `times`."""
    positions = np.unique(np.linspace(0, len(times) - 1, min(len(times), STRIP_FRAMES)).round().astype(int)).tolist()
    strip = []
    for image_HW3 in read_frames(path, [times[position] for position in positions], frames.crop):
        image = Image.fromarray(image_HW3)
        image.thumbnail((4 * STRIP_HEIGHT, STRIP_HEIGHT))
        jpeg = BytesIO()
        image.save(jpeg, "JPEG", quality=80)
        strip.append(f"data:image/jpeg;base64,{base64.b64encode(jpeg.getvalue()).decode()}")
    return {"strip": [{"position": position, "image": image} for position, image in zip(positions, strip, strict=True)]}
