"""Online prediction: what a model predicts from the first part of a clip alone, and what a decision costs."""

from collections.abc import Iterator, Sequence
from math import ceil

import numpy as np
import torch

from vidseq.evaluation.bootstrap import GroupBootstrap
from vidseq.models.layers import pad_left
from vidseq.models.thresholds import probabilities
from vidseq.models.trained_model import TrainedModel

FRACTIONS = tuple(tenths / 10 for tenths in range(1, 11))


def seen_steps(length: int, fraction: float) -> int:
    """Return the number of steps in the first `fraction` of a sequence, at least one."""
    return max(1, ceil(round(fraction * length, 6)))


def probabilities_by_fraction(model: TrainedModel, features: Sequence[np.ndarray]) -> dict[float, np.ndarray]:
    """Return the class probabilities (N, C) from the first part of each clip alone, by its fraction.

    A causal model reads each clip once, as a live stream; of any other, the head reads every first part anew.
    """
    parts = _streamed(model, features) if model.causal else _read_anew(model, features)
    return dict(zip(FRACTIONS, np.stack(list(parts), 1), strict=True))


def _streamed(model: TrainedModel, features: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    window = 2 * max(map(len, features))  # so that the whole clip is seen
    for x_TD in features:
        stream = model.stream(window)
        p_TC = [stream.push(x_D) for x_D in x_TD]
        yield np.stack([p_TC[seen_steps(len(p_TC), fraction) - 1] for fraction in FRACTIONS])


@torch.inference_mode()
def _read_anew(model: TrainedModel, features: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    head = model.head.eval().cpu()
    for inputs in model.batches_of_inputs(features):  # what is made of a step depends on no later one
        parts = [[x_TD[: seen_steps(len(x_TD), fraction)] for x_TD in inputs] for fraction in FRACTIONS]
        yield from np.stack([probabilities(head(*pad_left(part)).numpy()) for part in parts], 1)


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


class EverySecond(Sequence[np.ndarray]):
    """Sequences (T_i, D) without every second step, as sampled at half the rate; read when they are used."""

    def __init__(self, features: Sequence[np.ndarray]):
        self.features = features

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]  # no slices
        return self.features[index][::2]


def online_cost(features: Sequence[np.ndarray], images_per_step: int) -> dict:
    """Return the work of one decision after the longest clip: images through the CNN, and steps of the head.

    A bidirectional RNN runs over all steps again; a causal one keeps its state and runs over the new one alone.
    """
    steps = max(map(len, features))
    return {"images": images_per_step, "bidirectional_steps": steps, "causal_steps": 1}
