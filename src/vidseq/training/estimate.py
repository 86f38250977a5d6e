"""How long training takes on this machine, measured on a few clips."""

import time

import numpy as np
from joblib import cpu_count

from vidseq.data.splits import FOLDS
from vidseq.models import MODELS
from vidseq.params import Params
from vidseq.training.recipe import train_model

CLIPS, EPOCHS = 64, (1, 5)  # of the two short trainings


def estimate_training(features: list[np.ndarray], clips: int, params: Params, feature_config: dict) -> float:
    """Return about how many s the training stages of all heads take on so many `clips` like those of `features`.

    Each head is trained twice on these, repeated, for few epochs: so what an epoch takes and what else does are known.
    """
    repeated = [features[index % len(features)] for index in range(CLIPS)]
    labels, val_N = [str(index % 2) for index in range(CLIPS)], np.arange(CLIPS) % 8 == 7
    trainings = 1 + params.train.refit + FOLDS
    total = 0.0
    for name in MODELS:
        seconds = []
        for epochs in EPOCHS:
            train = params.train.model_copy(update={"epochs": epochs, "refit": False})
            start = time.perf_counter()
            train_model(name, repeated, labels, val_N, params.model_copy(update={"train": train}), feature_config)
            seconds.append(time.perf_counter() - start)
        epoch = max(0.0, (seconds[1] - seconds[0]) / (EPOCHS[1] - EPOCHS[0]))
        total += trainings * (seconds[0] + params.train.epochs * epoch) * clips / CLIPS
    return total / min(1 + FOLDS, cpu_count())  # as many at a time
