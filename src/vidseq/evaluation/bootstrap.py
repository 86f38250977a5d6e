"""How far a number can be trusted: intervals over groups of clips, and the exact McNemar test of two models."""

from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.stats import beta, binomtest, norm, t

DRAWS = 2000
LEVEL = 0.95
TAIL = (1 - LEVEL) / 2


class GroupBootstrap:
    """Draws the groups of N clips with replacement, DRAWS times; the same groups and seed, the same draws.

    Clips of one group are correlated, so groups are drawn, not clips. Every statistic is a function of sums over clips,
    so the draws are of sums, and the clips are read once. docs/intervals.md has what the intervals cover.
    """

    def __init__(self, groups_N: np.ndarray, seed: int):
        self.group_index_N, names = pd.factorize(np.asarray(groups_N))
        self.groups, self.seed = len(names), seed

    def sums(self, terms_NK: np.ndarray) -> np.ndarray:
        """Return the sum over the clips of each draw, (R, K), of terms (N, K)."""
        sums_GK = np.zeros((self.groups, terms_NK.shape[1]))
        np.add.at(sums_GK, self.group_index_N, terms_NK)
        return _counts(self.groups, self.seed) @ sums_GK

    def ratios(self, numerator_N: np.ndarray, denominator_N: np.ndarray) -> np.ndarray:
        """Return sum(numerator) / sum(denominator) of each draw, (R,), NaN where that is 0 / 0."""
        sums_R2 = self.sums(np.stack([numerator_N, denominator_N], 1).astype(float))
        return np.divide(sums_R2[:, 0], sums_R2[:, 1], out=np.full(len(sums_R2), np.nan), where=sums_R2[:, 1] > 0)

    def interval(self, values_R: np.ndarray) -> list[float] | None:
        """Return the 95 % interval [low, high] of values of the draws, None where they are all equal: one group, say.

        The percentiles are moved outwards for few groups, from z to t, as Hesterberg's expanded percentile interval has
        it ("What Teachers Should Know About the Bootstrap", 2015): the plain ones are too narrow there.
        """
        values_R = values_R[~np.isnan(values_R)]
        if self.groups < 2 or not _spread(values_R):
            return None
        tail = norm.cdf(np.sqrt(self.groups / (self.groups - 1)) * t.ppf(TAIL, self.groups - 1))
        return [float(value) for value in np.quantile(values_R, [tail, 1 - tail])]

    def fraction_interval(
        self, value: float, values_R: np.ndarray, right_N: np.ndarray, of_N: np.ndarray
    ) -> list[float] | None:
        """Return the 95 % interval of a metric between 0 and 1 that is 1 where all clips of `of_N` are right.

        It is Clopper and Pearson's for `value` of an effective number of clips, which the variance of the draws gives
        (Korn and Graubard, "Confidence Intervals for Proportions with Small Expected Number of Positive Counts", 1998).
        That number lies between the groups' and the clips', and is the groups' where nothing varies: then nothing shows
        that clips of one group are not all alike. None for one group.
        """
        clips_G, right_G = self._per_group(of_N), self._per_group(right_N)
        clips, groups = clips_G.sum(), int((clips_G > 0).sum())
        if groups < 2:
            return None
        effective, least = 0.0, _effective_groups(clips_G)
        variance = _spread(values_R[~np.isnan(values_R)]) * groups / (groups - 1)
        if variance:
            freedom = _freedom(min((right_G < clips_G).sum(), (right_G > 0).sum()), groups)
            effective = value * (1 - value) / variance * (t.ppf(TAIL, clips - 1) / t.ppf(TAIL, freedom)) ** 2
        return _clopper_pearson(value, min(max(effective, least), clips))

    def proportion_interval(self, right_N: np.ndarray, of_N: np.ndarray) -> list[float] | None:
        """Return the 95 % interval of the fraction of the clips `of_N` that is right, as `fraction_interval`."""
        right_N, of_N = np.asarray(right_N, bool) & of_N, np.asarray(of_N, bool)
        return self.fraction_interval(right_N.sum() / max(of_N.sum(), 1), self.ratios(right_N, of_N), right_N, of_N)

    def difference_interval(self, difference_N: np.ndarray) -> list[float] | None:
        """Return the 95 % interval of the mean of differences in [-1, 1] per clip, None for one group.

        Student's t from the variance of the draws. Where nothing varies, it is as wide as that of a proportion of 0.
        """
        if self.groups < 2:
            return None
        ones_N = np.ones(len(difference_N))
        variance = _spread(self.ratios(difference_N, ones_N)) * self.groups / (self.groups - 1)
        if variance:
            differing = int((self._per_group(difference_N != 0) > 0).sum())
            half = -t.ppf(TAIL, _freedom(differing, self.groups)) * np.sqrt(variance)
        else:
            half = _clopper_pearson(0.0, _effective_groups(self._per_group(ones_N)))[1]
        mean = difference_N.mean()
        return [float(max(mean - half, -1)), float(min(mean + half, 1))]

    def _per_group(self, terms_N: np.ndarray) -> np.ndarray:
        return np.bincount(self.group_index_N, terms_N, self.groups)


@lru_cache(maxsize=8)
def _counts(groups: int, seed: int) -> np.ndarray:
    """How often each draw has each group, (R, G)."""
    drawn_RG = np.random.default_rng(seed).integers(0, groups, (DRAWS, groups))
    counts_RG = np.zeros((DRAWS, groups))
    np.add.at(counts_RG, (np.arange(DRAWS)[:, None], drawn_RG), 1)
    return counts_RG


def _spread(values_R: np.ndarray) -> float:
    """The variance of values of the draws, 0 where they differ by rounding alone."""
    return float(values_R.var()) if len(values_R) and np.ptp(values_R) > 1e-9 else 0.0


def _effective_groups(clips_G: np.ndarray) -> float:
    """Kish's effective number of groups, which counts unequal ones as fewer."""
    return float(clips_G.sum() ** 2 / (clips_G**2).sum())


def _freedom(varying: int, groups: int) -> int:
    """Degrees of freedom of a variance: groups that show no mistake, or no difference, say little about it.

    The 1 was chosen by simulation (docs/intervals.md); with G - 1, large groups cover too little.
    """
    return min(varying + 1, groups - 1)


def _clopper_pearson(proportion: float, clips: float) -> list[float]:
    hits, misses = proportion * clips, (1 - proportion) * clips
    low = beta.ppf(TAIL, hits, misses + 1) if hits > 0 else 0.0
    high = beta.ppf(1 - TAIL, hits + 1, misses) if misses > 0 else 1.0
    return [float(low), float(high)]


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
        "interval": bootstrap.difference_interval(difference_N),
    } | mcnemar(first_N, second_N)
