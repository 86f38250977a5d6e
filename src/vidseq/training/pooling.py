"""Trains the pooling baseline: its regularisation and scaling are chosen by cross-validation over training groups."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import inf
from operator import itemgetter

import numpy as np
import pandas as pd
import torch
from joblib import parallel_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from torch import nn

from vidseq.data.splits import group_folds, sample_groups
from vidseq.models.layers import pad_left
from vidseq.models.pooling import PoolingHead, pool_over_time
from vidseq.models.preprocessing import to_tensor
from vidseq.models.thresholds import OutOfFold, calibrate
from vidseq.models.trained_model import TrainedModel
from vidseq.params import Params
from vidseq.training.mapped import mapped

CANDIDATES = (  # how a clip's vector is scaled after standardising, and the inverse strengths of regularisation
    (Normalizer(copy=False), (1.0, 10.0, 100.0, 1e3, 1e4)),
    ("passthrough", (1e-4, 1e-3, 1e-2, 0.1, 1.0)),
)
SEARCH_CLIPS = 2000  # at most, to choose on: it stays a matter of seconds with 101 classes
MAX_ITER = 1000


@dataclass(frozen=True)
class PoolingTraining:
    """The trained baseline, its out-of-fold logits, and what was chosen."""

    model: TrainedModel
    out_of_fold: OutOfFold
    chosen: dict


def train_pooling(
    features: Sequence[np.ndarray], labels: list[str], groups: list[str], params: Params, feature_config: dict
) -> PoolingTraining:
    """Train on clips' features (T_i, D). Groups are never in two folds, of the search and of the out-of-fold logits."""
    classes = sorted(set(labels))
    y_N = np.array([classes.index(label) for label in labels])
    pooled_ND = mapped(pool_over_time(*pad_left([to_tensor(x_TD)])).numpy() for x_TD in features)
    class_weight = None if params.train.class_weights == "none" else params.train.class_weights
    pipeline = Pipeline(
        [
            ("standardise", StandardScaler(copy=False)),  # folds are copies already, and the last fit is the last use
            ("scale", "passthrough"),
            ("classify", LogisticRegression(max_iter=MAX_ITER, class_weight=class_weight)),
        ]
    )
    seed, table = params.train.seed, pd.DataFrame({"label": labels, "group": groups})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of the weakest regularisations, which are not chosen then
        searched = sample_groups(table, SEARCH_CLIPS, seed)
        folds = group_folds(table.label[searched], table.group[searched], seed)
        with parallel_config("threading"):  # as fast as processes, which would stay and hold memory
            pipeline.set_params(**_search(pipeline, pooled_ND[searched], y_N[searched], folds))
        folds = group_folds(table.label, table.group, seed)
        decision = cross_val_predict(pipeline, pooled_ND, y_N, cv=folds, method="decision_function")
        pipeline.fit(pooled_ND, y_N)
    unit_length = pipeline["scale"] != "passthrough"
    config = {
        "head": "pooling",
        "ensemble": 1,
        "classes": classes,
        "feature_dim": features[0].shape[1],
        "median_steps": int(np.median([len(x_TD) for x_TD in features])),
        "settings": {"pooling": {"unit_length": unit_length}},
        "frames": params.frames.model_dump(),
        "features": feature_config,
        "versions": {package: version(package) for package in ("scikit-learn", "torch", "timm")},
    }
    fold_N = np.zeros(len(y_N), int)
    for fold, (_, held_out) in enumerate(folds):
        fold_N[held_out] = fold
    out_of_fold, temperature = calibrate(_logits(decision), y_N, fold_N)
    head = _to_head(pipeline, features[0].shape[1], len(classes), unit_length, temperature)
    chosen = {"C": pipeline["classify"].C, "unit_length": unit_length}
    return PoolingTraining(TrainedModel(nn.Identity(), head, config), out_of_fold, chosen)


def _search(pipeline: Pipeline, pooled_ND: np.ndarray, y_N: np.ndarray, folds: list) -> dict:
    """Return the candidate with the lowest cross-validated log loss.

    The loss over C has one valley, so what follows a rise is not tried: the weakest regularisation takes longest.
    """
    losses: list[tuple[float, dict]] = []
    for scale, strengths in CANDIDATES:
        last = inf
        for C in strengths:
            settings = {"scale": scale, "classify__C": C}
            pipeline.set_params(**settings)
            scores = cross_val_score(pipeline, pooled_ND, y_N, scoring="neg_log_loss", cv=folds, n_jobs=-1)
            losses.append((-scores.mean(), settings))
            if losses[-1][0] > last:
                break
            last = losses[-1][0]
    return min(losses, key=itemgetter(0))[1]


def _to_head(pipeline: Pipeline, input_dim: int, classes: int, unit_length: bool, temperature: float) -> PoolingHead:
    """Return the fitted pipeline as a head; the temperature is in its weights."""
    head = PoolingHead(input_dim, classes, unit_length)
    head.mean.copy_(torch.from_numpy(pipeline["standardise"].mean_))
    head.scale.copy_(torch.from_numpy(pipeline["standardise"].scale_))
    weight_CD, bias_C = pipeline["classify"].coef_, pipeline["classify"].intercept_
    if classes == 2:  # scikit-learn has the second class's logit alone
        weight_CD, bias_C = np.concatenate([0 * weight_CD, weight_CD]), np.concatenate([0 * bias_C, bias_C])
    head.classifier.weight.data.copy_(torch.from_numpy(weight_CD / temperature))
    head.classifier.bias.data.copy_(torch.from_numpy(bias_C / temperature))
    return head


def _logits(decision: np.ndarray) -> np.ndarray:
    """Return scikit-learn's decision function as logits (N, C)."""
    return np.stack([0 * decision, decision], 1) if decision.ndim == 1 else decision
