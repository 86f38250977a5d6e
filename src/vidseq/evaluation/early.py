"""Online prediction: what a model predicts from the first part of a clip alone, and what a decision costs."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
import torch

from vidseq.evaluation.bootstrap import GroupBootstrap
from vidseq.models.layers import pad_left
from vidseq.models.preprocessing import to_tensor
from vidseq.models.thresholds import probabilities
from vidseq.models.trained_model import TrainedModel

FRACTIONS = tuple(tenths / 10 for tenths in range(1, 11))
BATCH_SIZE = 256  # clips in memory at a time


def seen_steps(length: int, fraction: float) -> int:
    """Return the number of steps in the first `fraction` of a sequence, at least one."""
    return max(1, ceil(round(fraction * length, 6)))


@torch.inference_mode()
def probabilities_by_fraction(model: TrainedModel, features: Sequence[np.ndarray]) -> dict[float, np.ndarray]:
    """Return the class probabilities (N, C) from the first part of each clip alone, by its fraction.

    What is made of a step depends on no later one, so each clip is preprocessed once. A causal model reads it once as
    well, as a live stream; of any other, the head reads every first part anew.
    """
    head: Any = model.head.eval().cpu()  # a causal one has `step`
    logits: dict[float, list[torch.Tensor]] = {fraction: [] for fraction in FRACTIONS}
    for start in range(0, len(features), BATCH_SIZE):
        inputs = [model.preprocessing(to_tensor(x_TD)) for x_TD in features[start : start + BATCH_SIZE]]
        after_each_step = [head.step(None, x_TD)[1] for x_TD in inputs] if model.causal else []
        for fraction, of_fraction in logits.items():
            seen = [seen_steps(len(x_TD), fraction) for x_TD in inputs]
            if model.causal:
                of_fraction.append(torch.stack([l_TC[n - 1] for l_TC, n in zip(after_each_step, seen, strict=True)]))
            else:
                of_fraction.append(head(*pad_left([x_TD[:n] for x_TD, n in zip(inputs, seen, strict=True)])))
    return {fraction: probabilities(torch.cat(of_fraction).numpy()) for fraction, of_fraction in logits.items()}


def accuracy_by_fraction(
    p_by_fraction: dict[float, np.ndarray], y_N: np.ndarray, bootstrap: GroupBootstrap
) -> list[dict]:
    """Return rows fraction, accuracy, low, high of a model's accuracy on the first part of each clip."""
    rows = []
    for fraction, p_NC in p_by_fraction.items():
        right_N = p_NC.argmax(1) == y_N
        low, high = bootstrap.proportion_interval(right_N, np.ones(len(right_N), bool)) or (None, None)
        rows.append({"fraction": fraction, "accuracy": float(right_N.mean()), "low": low, "high": high})
    return rows


class ShuffledInTime(Sequence[np.ndarray]):
    """Sequences (T_i, D) with their time steps in random order, the same for the same seed; read when they are used."""

    def __init__(self, features: Sequence[np.ndarray], seed: int):
        generator = torch.Generator().manual_seed(seed)
        self.features = features
        self.orders = [torch.randperm(len(x_TD), generator=generator).numpy() for x_TD in features]

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]  # no slices
        return self.features[index][self.orders[index]]


def online_cost(features: Sequence[np.ndarray], images_per_step: int) -> dict:
    """Return the work of one decision after the longest clip: images through the CNN, and steps of the head.

    A bidirectional RNN runs over all steps again; a causal one keeps its state and runs over the new one alone.
    """
    steps = max(map(len, features))
    return {"images": images_per_step, "bidirectional_steps": steps, "causal_steps": 1}
