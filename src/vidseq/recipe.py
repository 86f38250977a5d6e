"""The recipe by which any head becomes a trained model: streams fitted, head trained, then both once more on all."""

from importlib.metadata import version

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch

from vidseq.backbones import mirror
from vidseq.params import Params
from vidseq.sequences import RandomWindows, batches
from vidseq.trained_model import TrainedModel, build
from vidseq.training import fit


def train_model(
    name: str, sequences: list[torch.Tensor], labels: list[str], val: np.ndarray, params: Params, backbone: dict
) -> tuple[TrainedModel, pd.DataFrame, list[float], torch.Tensor]:
    """Train head `name` on series of features (T_i, D); `val` is true for the validation clips.

    The model of the best epoch on the validation clips is returned; with `train.refit`, one that is trained anew on all
    clips by the whole of the same schedule. The curves, the gradient norms and the probabilities of the validation
    clips (N, C) are those of the run that has not seen these clips.
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
    model, curves, grad_norms = _train(card, sequences, labels, val, params)
    p_NC = model.probabilities([sequences[index] for index in np.flatnonzero(val)])
    if params.train.refit:
        model, _, _ = _train(card, sequences, labels, np.zeros_like(val), params)
    return model, curves, grad_norms, p_NC


def _train(
    card: dict, sequences: list[torch.Tensor], labels: list[str], val: np.ndarray, params: Params
) -> tuple[TrainedModel, pd.DataFrame, list[float]]:
    pl.seed_everything(params.train.seed, verbose=False)
    y = [card["classes"].index(label) for label in labels]
    grid = card["backbone"]["grid"]
    mirrored = params.train.mirror and grid > 1
    views = [[x_TD, mirror(x_TD, grid)] if mirrored else [x_TD] for x_TD in sequences]
    streams, head = build(card["head"], card["feature_dim"], len(card["classes"]), card["settings"])

    known, held_out = np.flatnonzero(~val), np.flatnonzero(val)
    streams.fit((x_TD for index in known for x_TD in views[index]), params.train.seed)
    shown = [[streams(x_TD) for x_TD in views[index]] for index in known]
    train = RandomWindows(shown, [y[index] for index in known], params.train.window)
    loader = batches(train, params.train.batch_size, shuffle=True)
    check = [(streams(sequences[index]), y[index]) for index in held_out]
    check_loader = batches(check, params.train.batch_size, shuffle=False) if check else None
    name = card["head"] if check else f"{card['head']}, refit"
    curves, grad_norms = fit(name, head, loader, check_loader, params.train)
    return TrainedModel(streams, head, card), curves, grad_norms
