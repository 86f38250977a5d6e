"""Intervals of what several seeds of training reach on the same clips."""

import numpy as np

from vidseq.evaluation.bootstrap import GroupBootstrap


def over_groups_and_seeds(values_SN: np.ndarray, group_N: np.ndarray, seed: int) -> np.ndarray:
    """Draw groups of clips and seeds of training with replacement, at once; returns the means (R,) of the draws.

    A value is NaN where a seed did not have the clip.
    """
    bootstrap = GroupBootstrap(group_N, seed)
    means_RS = np.stack([bootstrap.ratios(np.nan_to_num(values_N), ~np.isnan(values_N)) for values_N in values_SN], 1)
    drawn_RS = np.random.default_rng(seed).integers(len(values_SN), size=means_RS.shape)
    return np.take_along_axis(means_RS, drawn_RS, axis=1).mean(1)


def interval(draws_R: np.ndarray) -> tuple[float, float]:
    """Return the ends of the 95 % percentile interval of the draws."""
    low, high = np.quantile(draws_R, [0.025, 0.975])
    return low, high


def with_interval(difference: float, draws_R: np.ndarray) -> str:
    """Return a difference and its interval as a cell of a table."""
    low, high = interval(draws_R)
    return f"{difference:+.3f} ({low:+.3f} to {high:+.3f})"
