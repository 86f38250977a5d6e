"""From video files to class probabilities, by the same steps as the stages and with the settings of the model."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np

from vidseq.errors import VideoError, VidseqError
from vidseq.extraction.backbone import Backbone, load_backbone
from vidseq.extraction.encode import Job, encode_clips, recorded_diff
from vidseq.extraction.engines import Engine, Runtime, choose_runtime, has_cuda
from vidseq.models.trained_model import TrainedModel
from vidseq.params import FramesParams
from vidseq.video.sampling import plan_frames
from vidseq.video.transform import FrameTransform

BATCH_SIZE = 32  # frames per call of torch
PLANNED_AHEAD = 256  # files, whose packets are read before their frames


def backbone_of(model: TrainedModel, cache_dir: Path) -> tuple[Backbone, Runtime]:
    """Return the frozen CNN that a model was trained on, and what runs it: the same as then, where this machine can.

    `cache_dir` is that of `load_backbone`. Raises VidseqError if the CNN's weights are other ones now.
    """
    trained_on = model.config["features"]
    backbone = load_backbone(trained_on["name"], cache_dir)
    if backbone.data_config["feature_config"]["weights"] != trained_on["weights"]:
        raise VidseqError(f"the model was trained with other weights of {trained_on['name']} than are installed")
    with suppress(VidseqError):  # which names a precision that is not to be had here
        if trained_on["device"] == "cpu" or has_cuda():
            return backbone, choose_runtime(trained_on["engine"], trained_on["precision"])
    return backbone, choose_runtime("auto", "fp32")


def plan_job(path: Path, model: TrainedModel, clip: str = "clip") -> tuple[Job, float]:
    """Return the job that encodes a video file as one clip for a model, and the video's duration (s).

    Raises VideoError if it cannot be read.
    """
    frames = FramesParams(**model.config["frames"])
    times, seconds = plan_frames(path, frames)
    return Job(clip, path, times.tolist(), diff=recorded_diff(model.config["features"]), crop=frames.crop), seconds


def predict_clips(
    paths: Iterable[Path], model: TrainedModel, transform: FrameTransform, engine: Engine
) -> Iterator[tuple[np.ndarray, list[float]] | VideoError]:
    """Yield for each file, in order, the class probabilities (C,) and the times (s) of the frames that they are of.

    Or the reason why it cannot be read. `transform` and `engine` are those of the backbone that the model was trained
    on.
    """
    left = iter(paths)
    while some := list(islice(left, PLANNED_AHEAD)):
        jobs: list[Job] = []
        outcomes: dict[int, tuple[np.ndarray, list[float]] | VideoError] = {}
        for index, path in enumerate(some):
            try:
                jobs.append(plan_job(path, model, str(index))[0])
            except VideoError as error:
                outcomes[index] = error
        encoded, done = encode_clips(jobs, transform, engine), 0
        while done < len(some):
            if done in outcomes:
                yield outcomes.pop(done)
                done += 1
                continue
            job, features = next(encoded)
            if isinstance(features, VideoError):
                outcomes[int(job.clip)] = features
            else:
                outcomes[int(job.clip)] = model.probabilities([features])[0], job.times
