"""Online prediction: what a model predicts from the first part of a clip alone, and what a decision costs."""

from math import ceil

import numpy as np
import torch

from vidseq.evaluation.bootstrap import GroupBootstrap
from vidseq.models.trained_model import TrainedModel

FRACTIONS = tuple(tenths / 10 for tenths in range(1, 11))


def seen_steps(length: int, fraction: float) -> int:
    """Return the number of steps in the first `fraction` of a sequence, at least one."""
    return max(1, ceil(round(fraction * length, 6)))


def probabilities_by_fraction(model: TrainedModel, features: list[np.ndarray]) -> dict[float, np.ndarray]:
    """Return the class probabilities (N, C) from the first part of each clip alone, by its fraction.

    A causal model reads each clip once, as a live stream; any other reads every first part anew.
    """
    if not model.causal:
        return {
            fraction: model.probabilities([x_TD[: seen_steps(len(x_TD), fraction)] for x_TD in features])
            for fraction in FRACTIONS
        }
    streamed = []
    for x_TD in features:
        stream = model.stream()
        streamed.append([stream.push(x_D) for x_D in x_TD])
    return {
        fraction: np.stack([p_TC[seen_steps(len(p_TC), fraction) - 1] for p_TC in streamed]) for fraction in FRACTIONS
    }


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


def shuffled_in_time(features: list[np.ndarray], seed: int) -> list[np.ndarray]:
    """Return the sequences (T_i, D) with their time steps in random order."""
    generator = torch.Generator().manual_seed(seed)
    return [x_TD[torch.randperm(len(x_TD), generator=generator).numpy()] for x_TD in features]


def online_cost(features: list[np.ndarray], images_per_step: int) -> dict:
    """Return the work of one decision after the longest clip: images through the CNN, and steps of the head.

    A bidirectional RNN runs over all steps again; a causal one keeps its state and runs over the new one alone.
    """
    steps = max(map(len, features))
    return {"images": images_per_step, "bidirectional_steps": steps, "causal_steps": 1}
