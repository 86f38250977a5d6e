"""What the server says of a video: the models of a project, and a prediction with what it rests on."""

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from threading import Event, Lock

import numpy as np
from PIL import Image

from vidseq.errors import VideoError, VidseqError
from vidseq.extraction.encode import Job, encode_clips
from vidseq.extraction.engines import Engine, Tagged
from vidseq.inference.predict import plan_job
from vidseq.inference.video_model import VideoModel
from vidseq.models.attribution import occlusion, probabilities_over_time
from vidseq.models.trained_model import TrainedModel
from vidseq.video.read import read_frames

STRIP_FRAMES, STRIP_HEIGHT = 32, 96  # of a film strip: at most so many frames, of so many pixels
CURVES = 3  # classes whose probability is shown over time


class Stopped(Exception):
    """The client is gone: nobody waits for the answer."""


class Predictor:
    """The models of a project. One video at a time goes through the CNN, which uses all cores for it."""

    def __init__(self, project: Path, max_seconds: float):
        """Read all models of `project`. Raises VidseqError if there is none, or one cannot be read."""
        folders = sorted(path.parent for path in (project / "models").glob("[!.]*/model.json"))
        if not folders:
            raise VidseqError(f"{project / 'models'} holds no trained model: run dvc repro, or name another --project")
        self.max_seconds, self.lock = max_seconds, Lock()
        engines: dict[tuple, Engine] = {}
        self.models: dict[str, VideoModel] = {}
        for folder in folders:
            model = VideoModel(folder, cache_dir=project / ".cache" / "models")
            if model.backbone not in engines:
                engines[model.backbone] = model.engine
            model.engine = engines[model.backbone]  # one for all: the lock lets one run
            self.models[folder.name] = model

    @property
    def default(self) -> str:
        """The name of the model that answers where none is named."""
        return "rnn" if "rnn" in self.models else next(iter(self.models))

    def predict(self, path: Path, name: str, details: bool, stopped: Event) -> dict:
        """Return what the model `name` says of a video file; see docs/serve.md for the keys.

        Raises VideoError if it cannot be read or is too long, Stopped soon after `stopped` is set.
        """
        served = self.models[name]
        model, transform = served.model, served.backbone[0].transform
        job, seconds = plan_job(path, model)
        if seconds > self.max_seconds:
            raise VideoError(f"it lasts {seconds:.0f} s; at most {self.max_seconds:.0f} s are accepted")
        with _Turn(self.lock, stopped):
            [(_, features_TD)] = encode_clips([job], transform, stoppable(served.engine, stopped))
            if isinstance(features_TD, VideoError):
                raise features_TD
            p_C = model.probabilities([features_TD])[0]
            answer = asdict(served.prediction(job.times, p_C)) | {"model": name, "threshold": served.threshold}
            if details:
                answer |= explain(model, features_TD, p_C, stopped)
        return answer | (film_strip(job) if details else {})


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


def explain(model: TrainedModel, features_TD: np.ndarray, p_C: np.ndarray, stopped: Event) -> dict:
    """Return the most probable classes' probabilities over time, and what each frame adds to the first of them."""
    best = np.argsort(-p_C, kind="stable")[:CURVES].tolist()
    p_TC = probabilities_over_time(model, features_TD)
    check(stopped)
    curves = {model.classes[index]: p_TC[:, index].tolist() for index in best}
    return {"over_time": curves, "importance": occlusion(model, features_TD, best[0]).tolist()}


def film_strip(job: Job) -> dict:
    """Return some of a job's frames as small images, data URLs, with their positions among its times."""
    times = job.times
    positions = np.unique(np.linspace(0, len(times) - 1, min(len(times), STRIP_FRAMES)).round().astype(int)).tolist()
    strip = []
    for image_HW3 in read_frames(job.path, [times[position] for position in positions], job.crop):
        image = Image.fromarray(image_HW3)
        image.thumbnail((4 * STRIP_HEIGHT, STRIP_HEIGHT))
        jpeg = BytesIO()
        image.save(jpeg, "JPEG", quality=80)
        strip.append(f"data:image/jpeg;base64,{base64.b64encode(jpeg.getvalue()).decode()}")
    return {"strip": [{"position": position, "image": image} for position, image in zip(positions, strip, strict=True)]}
