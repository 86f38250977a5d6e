"""The recipe by which any head becomes a trained model: streams fitted, head trained, then once more on all clips."""

from importlib.metadata import version

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from torch import nn

from vidseq.backbones import mirror
from vidseq.heads import build_head
from vidseq.params import Params
from vidseq.sequences import Batches, RandomViews
from vidseq.trained_model import TrainedModel, build_streams
from vidseq.training import fit

AT_ONCE = 256  # validation clips


def train_model(
    name: str, sequences: list[torch.Tensor], labels: list[str], val: np.ndarray, params: Params, backbone: dict
) -> tuple[TrainedModel, pd.DataFrame, list[float], torch.Tensor]:
    """Train head `name` on series of features (T_i, D); `val` is true for the validation clips.

    The streams are fitted on the other clips. The head of the best epoch on the validation clips is returned; with
    `train.refit`, one that is trained anew on all clips by the whole of the same schedule. The curves, the gradient
    norms and the probabilities of the validation clips (N, C) are those of the run that has not seen these clips.
    """
    settings = {part: getattr(params, part).model_dump() for part in ("streams", "model", name, "train")}
    card = {
        "head": name,
        "classes": sorted(set(labels)),
        "feature_dim": sequences[0].shape[1],
        "settings": settings,
        "frames": params.frames.model_dump(),
        "backbone": backbone,
        "versions": {package: version(package) for package in ("torch", "timm")},
    }
    grid = backbone["grid"]
    mirrored = params.train.mirror and grid > 1
    views = [[x_TD, mirror(x_TD, grid)] if mirrored else [x_TD] for x_TD in sequences]
    streams = build_streams(card)
    streams.fit((x_TD for index in np.flatnonzero(~val) for x_TD in views[index]), params.train.seed)
    shown = [[streams(x_TD) for x_TD in clip] for clip in views]
    y = [card["classes"].index(label) for label in labels]

    def train(title: str, held_out: np.ndarray) -> tuple[nn.Module, pd.DataFrame, list[float]]:
        pl.seed_everything(params.train.seed, verbose=False)
        head = build_head(name, streams.dim, len(card["classes"]), settings)
        curves, grad_norms = fit(title, head, *_batches(shown, y, held_out, params.train.batch_size), params.train)
        return head, curves, grad_norms

    head, curves, grad_norms = train(name, val)
    model = TrainedModel(streams, head, card)
    p_NC = model.probabilities([sequences[index] for index in np.flatnonzero(val)])
    if params.train.refit:
        model = TrainedModel(streams, train(f"{name}, refit", np.zeros_like(val))[0], card)
    return model, curves, grad_norms, p_NC


def _batches(
    shown: list[list[torch.Tensor]], y: list[int], val: np.ndarray, batch_size: int
) -> tuple[Batches, Batches | None]:
    """Training clips in any of their views; validation clips as they are, None if there are none."""
    known = np.flatnonzero(~val)
    views = RandomViews([shown[index] for index in known], [y[index] for index in known])
    check = [(shown[index][0], y[index]) for index in np.flatnonzero(val)]
    return Batches(views, batch_size, shuffle=True), Batches(check, AT_ONCE, shuffle=False) if check else None
