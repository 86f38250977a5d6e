"""From video files to class probabilities, by the same steps as the stages take and as the model's card has them."""

from pathlib import Path

import numpy as np
import torch

from vidseq import video
from vidseq.engines import Runtime, choose
from vidseq.errors import VideoError, VidseqError
from vidseq.extraction import Job, encode_clips
from vidseq.frozen import FrozenCnn, load_frozen
from vidseq.params import FramesParams
from vidseq.sampling import sample_times
from vidseq.trained_model import TrainedModel

BATCH = 32  # frames a call of torch


def backbone_of(model: TrainedModel, kept: Path) -> tuple[FrozenCnn, Runtime]:
    """Return the frozen CNN that a model was trained on, and what runs it: the same as then, where this machine can.

    `kept` is the folder of `load_frozen`. Raises VidseqError if the CNN's weights are other ones by now.
    """
    identity = model.card["backbone"]
    frozen = load_frozen(identity["name"], identity["grid"], kept)
    if frozen.card["identity"]["weights"] != identity["weights"]:
        raise VidseqError(f"the model was trained with other weights of {identity['name']} than are installed")
    try:
        return frozen, choose(identity["engine"], identity["precision"])
    except VidseqError:
        return frozen, choose("auto", "fp32")


def predict_clips(
    paths: list[Path], model: TrainedModel, frozen: FrozenCnn, runtime: Runtime
) -> list[np.ndarray | VideoError]:
    """Return for each file the probabilities of the model's classes (C,), or why it cannot be read."""
    difference = model.card["backbone"]["difference"]
    outcomes: dict[str, np.ndarray | VideoError] = {}
    jobs = []
    for index, path in enumerate(paths):
        try:
            times = sample_times(video.frame_times(path), FramesParams(**model.card["frames"]))
            jobs.append(Job(str(index), path, times.tolist(), key="", difference=difference))
        except VideoError as error:
            outcomes[str(index)] = error
    if jobs:
        outcomes |= {job.clip: result for job, result in encode_clips(jobs, frozen.fit, frozen.engine(runtime, BATCH))}
    for clip, result in outcomes.items():
        if not isinstance(result, VideoError):
            outcomes[clip] = model.probabilities([torch.from_numpy(result.astype(np.float32))])[0].numpy()
    return [outcomes[str(index)] for index in range(len(paths))]
