"""The recipe by which any head becomes a trained model: fit the preprocessing, train, then train again on all clips."""

import os
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.metadata import version
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from joblib import Parallel, cpu_count, delayed
from torch import nn

from vidseq.data.splits import group_folds
from vidseq.errors import VidseqError
from vidseq.models import MODELS, build_head, head_settings
from vidseq.models.ensemble import Ensemble
from vidseq.models.preprocessing import to_tensor
from vidseq.models.thresholds import OutOfFold, calibrate
from vidseq.models.trained_model import TrainedModel, build_preprocessing
from vidseq.params import Params
from vidseq.training.batches import Batches
from vidseq.training.loop import class_weights, train_head
from vidseq.training.mapped import mapped

VAL_BATCH_SIZE = 256  # clips
SEED_STEP = 1_000_003  # from one member of an ensemble to the next, so that small seeds share none
FIT_CLIPS = 1000  # at most, to fit the preprocessing on: 2000 would capture 1 to 2 % more of the variance of others


@dataclass(frozen=True)
class Training:
    """A trained model, the gradient norm of each step of its training, and the curves of the training with validation.

    `curves` has one row per epoch. With `train.refit` these are two trainings.
    """

    model: TrainedModel
    curves: pd.DataFrame
    grad_norms: list[float]


def train_model(
    name: str,
    features: Sequence[np.ndarray],
    labels: list[str],
    val_N: np.ndarray,
    params: Params,
    feature_config: dict,
    on_epoch: Callable[[pd.DataFrame], None] = lambda curves: None,
    title: str | None = None,
) -> Training:
    """Train model `name` of the table on clips' features (T_i, D); `val_N` is true for the validation clips.

    The preprocessing is fitted on the other clips. The model has the weights of the best epoch on the validation clips;
    with `train.refit`, those of a second training on all clips, for the whole schedule. Each of the `train.ensemble`
    members of the model is trained so, from a seed of its own; the curves and norms are of the first. After each epoch
    of the first training, `on_epoch` gets the curves so far. The log names the training by `title`, by default the
    model's name.
    """
    named = title or name
    head_name, _ = MODELS[name]
    classes = sorted(set(labels))
    settings = {part: getattr(params, part).model_dump() for part in ("preprocessing", "train")}
    settings |= head_settings(name, params)
    config = {
        "head": head_name,
        "ensemble": params.train.ensemble,
        "classes": classes,
        "feature_dim": features[0].shape[1],
        "median_steps": int(np.median([len(x_TD) for x_TD in features])),
        "settings": settings,
        "frames": params.frames.model_dump(),
        "features": feature_config,
        "versions": {package: version(package) for package in ("torch", "timm")},
    }
    preprocessing = build_preprocessing(config)
    known = np.flatnonzero(~val_N)
    if len(known) > FIT_CLIPS:
        known = np.sort(np.random.default_rng(params.train.seed).choice(known, FIT_CLIPS, replace=False))
    preprocessing.fit((to_tensor(features[index]) for index in known.tolist()), params.train.seed)
    inputs_ND = torch.from_numpy(mapped(preprocessing(to_tensor(x_TD)).half().numpy() for x_TD in features))
    inputs = list(inputs_ND.split([len(x_TD) for x_TD in features]))
    y = [classes.index(label) for label in labels]

    def train(
        member: int, held_out_N: np.ndarray, on_epoch: Callable[[pd.DataFrame], None] = lambda curves: None
    ) -> tuple[nn.Module, pd.DataFrame, list[float]]:
        pl.seed_everything((params.train.seed + SEED_STEP * member) % 2**32, verbose=False)
        head = build_head(head_name, preprocessing.dim, len(classes), settings)
        batches = _batches(inputs, y, held_out_N, params.train.batch_size)
        numbered = f"{named}, {member + 1} of {params.train.ensemble}" if params.train.ensemble > 1 else named
        weights_C = class_weights(params.train, [y[index] for index in np.flatnonzero(~held_out_N)], len(classes))
        return head, *train_head(numbered, head, *batches, params.train, weights_C, on_epoch)

    head, curves, grad_norms = train(0, val_N, on_epoch)
    held_out_N, members = val_N, [head]
    if params.train.refit:
        named, held_out_N = f"{named}, refit", np.zeros_like(val_N)
        head, _, grad_norms = train(0, held_out_N)
        members = [head]
    members += [train(member, held_out_N)[0] for member in range(1, params.train.ensemble)]
    return Training(TrainedModel(preprocessing, Ensemble(members), config), curves, grad_norms)


def train_calibrated(
    name: str,
    features: Sequence[np.ndarray],
    clips: pd.DataFrame,
    params: Params,
    feature_config: dict,
    on_epoch: Callable[[pd.DataFrame], None] = lambda curves: None,
) -> tuple[Training, OutOfFold]:
    """Train a model on `clips` (label, group, split: train or val), with the temperature of its out-of-fold logits.

    It is trained beside those of `cross_fit`, on all cores.
    """
    val_N = (clips.split == "val").to_numpy()
    whole = delayed(train_model)(name, features, clips.label.tolist(), val_N, params, feature_config, on_epoch)
    folds = group_folds(clips.label, clips.group, params.train.seed)
    training, *logits = _in_processes([whole, *_of_folds(name, features, clips, folds, params, feature_config)])
    out_of_fold, temperature = _put_together(logits, clips, folds)
    training.model.head.get_buffer("temperature").fill_(temperature)
    return training, out_of_fold


def cross_fit(
    name: str, features: Sequence[np.ndarray], clips: pd.DataFrame, params: Params, feature_config: dict
) -> tuple[OutOfFold, float]:
    """Return the logits of all `clips` (label, group) by models that have not seen their groups, and the temperature.

    One model is trained for each fold, on the other folds, by the whole schedule without validation, like a refit.
    """
    folds = group_folds(clips.label, clips.group, params.train.seed)
    logits = _in_processes(_of_folds(name, features, clips, folds, params, feature_config))
    return _put_together(logits, clips, folds)


def _in_processes(trainings: list) -> list:
    """Return what the delayed trainings return: each takes one core, and there are as many at a time as cores.

    Each is seeded by itself, so what it returns does not depend on which others there are, nor on where it runs.
    """
    watched = [delayed(_with_parent)(os.getpid(), *training) for training in trainings]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "A worker stopped while")  # features that it has read look like a leak
            return Parallel(min(len(trainings), cpu_count()))(watched)
    except BrokenProcessPool as error:
        raise VidseqError(
            "a process that trained a head was killed, perhaps for want of memory; LOKY_MAX_CPU_COUNT=1 in the "
            "environment trains one head at a time"
        ) from error


def _with_parent(parent: int, training: Callable, args: tuple, options: dict) -> Any:
    """Train; the process ends with its parent, whose death nothing else tells it."""
    if os.getpid() != parent:
        Thread(target=_end_after, args=[parent], daemon=True).start()
    return training(*args, **options)


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _of_folds(
    name: str, features: Sequence[np.ndarray], clips: pd.DataFrame, folds: list, params: Params, feature_config: dict
) -> list:
    """Return a delayed training for each fold, on the other folds, that returns the logits of the fold's clips."""
    params = params.model_copy(update={"train": params.train.model_copy(update={"refit": False})})
    labels, title = clips.label.tolist(), "{}, fold {} of {}"
    return [
        delayed(_held_out_logits)(
            name, features, labels, *fold, params, feature_config, title.format(name, number, len(folds))
        )
        for number, fold in enumerate(folds, 1)
    ]


def _held_out_logits(
    name: str,
    features: Sequence[np.ndarray],
    labels: list[str],
    known: np.ndarray,
    held_out: np.ndarray,
    params: Params,
    feature_config: dict,
    title: str,
) -> np.ndarray:
    x, y, no_val_N = [features[i] for i in known], [labels[i] for i in known], np.zeros(len(known), bool)
    model = train_model(name, x, y, no_val_N, params, feature_config, title=title).model
    return model.logits([features[i] for i in held_out])


def _put_together(logits: list[np.ndarray], clips: pd.DataFrame, folds: list) -> tuple[OutOfFold, float]:
    classes = sorted(clips.label.unique())
    logits_NC, fold_N = np.zeros((len(clips), len(classes)), np.float32), np.zeros(len(clips), int)
    for number, ((_, held_out), of_fold) in enumerate(zip(folds, logits, strict=True), 1):
        logits_NC[held_out], fold_N[held_out] = of_fold, number
    return calibrate(logits_NC, np.array([classes.index(label) for label in clips.label]), fold_N)


def _batches(
    inputs: list[torch.Tensor], y: list[int], val_N: np.ndarray, batch_size: int
) -> tuple[Batches, Batches | None]:
    """Return the training clips in batches, and the validation clips, None if there are none."""
    train, val = ([(inputs[index], y[index]) for index in np.flatnonzero(chosen_N)] for chosen_N in (~val_N, val_N))
    return Batches(train, batch_size, shuffle=True), Batches(val, VAL_BATCH_SIZE, shuffle=False) if val else None
