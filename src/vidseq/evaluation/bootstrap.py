"""How far a number can be trusted: bootstrap over groups of clips, and the exact McNemar test of two models."""

from functools import cached_property

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm, t

DRAWS = 2000
LEVEL = 0.95


class GroupBootstrap:
    """Draws the groups of N clips with replacement, DRAWS times; the same groups and seed, the same draws.

    Clips of one group are correlated, so groups are drawn, not clips. Every statistic is a function of sums over clips,
    so the draws are of sums, and the clips are read once.
    """

    def __init__(self, groups_N: np.ndarray, seed: int):
        self.group_index_N, names = pd.factorize(np.asarray(groups_N))
        self.groups, self.seed = len(names), seed

    @cached_property
    def _counts_RG(self) -> np.ndarray:
        drawn_RG = np.random.default_rng(self.seed).integers(0, self.groups, (DRAWS, self.groups))
        counts_RG = np.zeros((DRAWS, self.groups))
        np.add.at(counts_RG, (np.arange(DRAWS)[:, None], drawn_RG), 1)
        return counts_RG

    def sums(self, terms_NK: np.ndarray) -> np.ndarray:
        """Return the sum over the clips of each draw, (R, K), of terms (N, K)."""
        sums_GK = np.zeros((self.groups, terms_NK.shape[1]))
        np.add.at(sums_GK, self.group_index_N, terms_NK)
        return self._counts_RG @ sums_GK

    def ratios(self, numerator_N: np.ndarray, denominator_N: np.ndarray) -> np.ndarray:
        """Return sum(numerator) / sum(denominator) of each draw, (R,), NaN where that is 0 / 0."""
        sums_R2 = self.sums(np.stack([numerator_N, denominator_N], 1).astype(float))
        return np.divide(sums_R2[:, 0], sums_R2[:, 1], out=np.full(len(sums_R2), np.nan), where=sums_R2[:, 1] > 0)

    def interval(self, values_R: np.ndarray) -> list[float] | None:
        """Return the 95 % interval [low, high] of values of the draws, or None for one group, which has no spread.

        The percentiles are moved outwards for few groups, from z to t, as Hesterberg's expanded percentile interval has
        it ("What Teachers Should Know About the Bootstrap", 2015): the plain ones are too narrow there. With five
        groups and numbers near 1 it still covers only about 86 %.
        """
        values_R = values_R[~np.isnan(values_R)]
        if self.groups < 2 or not len(values_R):
            return None
        tail = norm.cdf(np.sqrt(self.groups / (self.groups - 1)) * t.ppf((1 - LEVEL) / 2, self.groups - 1))
        return [float(value) for value in np.quantile(values_R, [tail, 1 - tail])]

    def mean_interval(self, values_N: np.ndarray) -> list[float] | None:
        """Return the 95 % interval of the mean of a number per clip."""
        return self.interval(self.ratios(values_N, np.ones(len(values_N))))


def mcnemar(first_N: np.ndarray, second_N: np.ndarray) -> dict:
    """Exact two-sided McNemar test of which clips two models get right; counts those that one alone gets right."""
    only_first, only_second = int((first_N & ~second_N).sum()), int((~first_N & second_N).sum())
    p = binomtest(only_first, only_first + only_second).pvalue if only_first + only_second else 1.0
    return {"only_first": only_first, "only_second": only_second, "mcnemar_p_value": float(p)}


def compare(first_N: np.ndarray, second_N: np.ndarray, bootstrap: GroupBootstrap) -> dict:
    """Compare two models clip by clip, true where right: difference of accuracy, its interval, and McNemar's test."""
    first_N, second_N = np.asarray(first_N, bool), np.asarray(second_N, bool)
    difference_N = first_N.astype(float) - second_N
    return {
        "accuracy_difference": float(difference_N.mean()),
        "interval": bootstrap.mean_interval(difference_N),
    } | mcnemar(first_N, second_N)
