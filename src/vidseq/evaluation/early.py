"""Online prediction: what a model predicts from the first part of a clip alone, and what a decision costs."""

from collections.abc import Callable
from math import ceil

import numpy as np
import torch

from vidseq.evaluation.bootstrap import GroupBootstrap

FRACTIONS = tuple(tenths / 10 for tenths in range(1, 11))
Probabilities = Callable[[list[np.ndarray]], np.ndarray]  # features (T_i, D) of clips to probabilities (N, C)


def first_part(x_TD: np.ndarray, fraction: float) -> np.ndarray:
    """Return the first `fraction` of a sequence, at least one step. What is computed from it cannot know the rest."""
    return x_TD[: max(1, ceil(round(fraction * len(x_TD), 6)))]


def accuracy_by_fraction(
    probabilities: Probabilities, features: list[np.ndarray], y_N: np.ndarray, bootstrap: GroupBootstrap
) -> list[dict]:
    """Return rows fraction, accuracy, low, high of a model's accuracy on the first part of each clip."""
    rows = []
    for fraction in FRACTIONS:
        right_N = probabilities([first_part(x_TD, fraction) for x_TD in features]).argmax(1) == y_N
        low, high = bootstrap.mean_interval(right_N) or (None, None)
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
