"""How early a clip is known: what a model says when it has seen the first part of it alone."""

from collections.abc import Callable
from math import ceil
from statistics import median
from time import perf_counter

import numpy as np
import torch

from vidseq.trained_model import TrainedModel
from vidseq.uncertainty import interval, resample, sum_by_group

FRACTIONS = tuple(tenths / 10 for tenths in range(1, 11))


def first_part(x_TD: torch.Tensor, fraction: float) -> torch.Tensor:
    """Return the first `fraction` of a series, at least one step. What is made of it cannot know the rest."""
    return x_TD[: max(1, ceil(round(fraction * len(x_TD), 6)))]


def accuracy_by_fraction(
    probabilities: Callable[[list[torch.Tensor]], np.ndarray],
    sequences: list[torch.Tensor],
    y_N: np.ndarray,
    groups_N: np.ndarray,
    seed: int,
) -> list[dict]:
    """Return rows fraction, accuracy, low, high for a model's function `probabilities(sequences) -> (N, C)`."""
    rows = []
    for fraction in FRACTIONS:
        p_NC = probabilities([first_part(x_TD, fraction) for x_TD in sequences])
        right_N = (p_NC.argmax(1) == y_N).astype(float)
        sums_GK = sum_by_group(np.stack([right_N, np.ones(len(right_N))], 1), groups_N)
        draws_RK = resample(sums_GK, np.random.default_rng(seed))
        low, high = interval(draws_RK[:, 0] / draws_RK[:, 1], len(sums_GK)) or (None, None)
        rows.append({"fraction": fraction, "accuracy": float(right_N.mean()), "low": low, "high": high})
    return rows


@torch.inference_mode()
def online_cost(whole: TrainedModel, causal: TrainedModel, x_TD: torch.Tensor, repeats: int = 30) -> dict:
    """Return the median seconds of one decision at the end of `x_TD`: all of it run again, and one causal step.

    The causal RNN keeps its state and the maximum so far, so that a new frame costs one step, however long the stream.
    """
    step_1D, state, best_BD = x_TD[-1:], None, None

    def one_step() -> None:
        nonlocal state, best_BD
        h_BTD, state = causal.head.rnn(causal.head.project(causal.streams(step_1D)[None]), state)
        best_BD = h_BTD[:, 0] if best_BD is None else torch.maximum(best_BD, h_BTD[:, 0])
        causal.head.classify(best_BD).softmax(1)

    causal.head.eval()
    costs = {"steps": len(x_TD)}
    for name, decide in (("prefix", lambda: whole.probabilities([x_TD])), ("causal_step", one_step)):
        seconds = []
        for _ in range(repeats):
            start = perf_counter()
            decide()
            seconds.append(perf_counter() - start)
        costs[f"{name}_seconds"] = median(seconds)
    return costs
