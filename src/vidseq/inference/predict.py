"""From video files to class probabilities, by the same steps as the stages and with the settings of the model."""

from pathlib import Path

import numpy as np

from vidseq.errors import VideoError, VidseqError
from vidseq.extraction.backbone import Backbone, load_backbone
from vidseq.extraction.encode import Job, encode_clips, recorded_diff
from vidseq.extraction.engines import Runtime, choose_runtime
from vidseq.models.trained_model import TrainedModel
from vidseq.params import FramesParams
from vidseq.video.sampling import plan_frames

BATCH_SIZE = 32  # frames per call of torch


def backbone_of(model: TrainedModel, cache_dir: Path) -> tuple[Backbone, Runtime]:
    """Return the frozen CNN that a model was trained on, and what runs it: the same as then, where this machine can.

    `cache_dir` is that of `load_backbone`. Raises VidseqError if the CNN's weights are other ones now.
    """
    trained_on = model.config["features"]
    backbone = load_backbone(trained_on["name"], cache_dir)
    if backbone.data_config["feature_config"]["weights"] != trained_on["weights"]:
        raise VidseqError(f"the model was trained with other weights of {trained_on['name']} than are installed")
    try:
        return backbone, choose_runtime(trained_on["engine"], trained_on["precision"])
    except VidseqError:
        return backbone, choose_runtime("auto", "fp32")


def predict_clips(
    paths: list[Path], model: TrainedModel, backbone: Backbone, runtime: Runtime
) -> list[np.ndarray | VideoError]:
    """Return for each file the probabilities of the model's classes (C,), or why it cannot be read."""
    outcomes: dict[str, np.ndarray | VideoError] = {}
    frames = FramesParams(**model.config["frames"])
    diff = recorded_diff(model.config["features"])
    jobs = []
    for index, path in enumerate(paths):
        try:
            times, _ = plan_frames(path, frames)
            jobs.append(Job(str(index), path, times.tolist(), diff=diff, crop=frames.crop))
        except VideoError as error:
            outcomes[str(index)] = error
    if jobs:
        engine = backbone.engine(runtime, BATCH_SIZE)
        outcomes |= {job.clip: result for job, result in encode_clips(jobs, backbone.transform, engine)}
    for clip, result in outcomes.items():
        if not isinstance(result, VideoError):
            outcomes[clip] = model.probabilities([result])[0]
    return [outcomes[str(index)] for index in range(len(paths))]
