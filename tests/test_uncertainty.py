import numpy as np
import pytest
from scipy.stats import binom

from vidseq.uncertainty import compare, interval, mcnemar, resample, sum_by_group


def clustered(rng, groups: int, clips: int, rate: float = 0.8):
    """Right or wrong for clips whose groups are easy or hard: the mean chance is `rate`."""
    chance = rng.beta(4 * rate, 4 * (1 - rate), groups)
    return rng.random((groups, clips)) < chance[:, None]


@pytest.mark.parametrize(("groups", "least"), [(5, 0.87), (12, 0.92), (40, 0.925)])
def test_intervals_cover_at_the_nominal_rate(groups, least):
    rng = np.random.default_rng(groups)
    covered = []
    for _ in range(400):
        right = clustered(rng, groups, 6)
        sums = np.stack([right.sum(1), np.full(groups, 6)], 1).astype(float)
        draws = resample(sums, rng, 800)
        low, high = interval(draws[:, 0] / draws[:, 1], groups)
        covered.append(low <= 0.8 <= high)
    assert least <= np.mean(covered) <= 0.98  # 0.95, but for five groups near the ceiling, and give or take 400 runs


def test_clips_taken_for_independent_would_make_intervals_too_narrow():
    rng = np.random.default_rng(0)
    right = clustered(rng, 20, 10).ravel().astype(float)
    terms = np.stack([right, np.ones(200)], 1)
    widths = []
    for groups in (np.repeat(np.arange(20), 10), np.arange(200)):
        draws = resample(sum_by_group(terms, groups), np.random.default_rng(1))
        low, high = interval(draws[:, 0] / draws[:, 1], len(set(groups)))
        widths.append(high - low)
    assert widths[0] > 1.4 * widths[1]


def test_sums_and_draws_are_of_whole_groups():
    sums = sum_by_group(np.array([[1.0], [2], [4]]), np.array(["b", "a", "b"]))
    assert sums.tolist() == [[5.0], [2.0]]
    draws = resample(sums, np.random.default_rng(0), 200)
    assert set(draws[:, 0]) == {4.0, 7.0, 10.0}
    assert np.array_equal(draws, resample(sums, np.random.default_rng(0), 200))


def test_one_group_says_nothing_of_how_groups_vary():
    assert interval(np.ones(10), 1) is None
    assert interval(np.full(10, np.nan), 5) is None


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (5, 0), (10, 4), (3, 3)])
def test_mcnemar_is_the_exact_binomial_test(only_first, only_second):
    first = np.array([True] * only_first + [False] * only_second + [True] * 7)
    second = np.array([False] * only_first + [True] * only_second + [True] * 7)
    test = mcnemar(first, second)
    assert (test["only_first"], test["only_second"]) == (only_first, only_second)
    discordant, fewer = only_first + only_second, min(only_first, only_second)
    assert test["mcnemar_p_value"] == pytest.approx(min(1, 2 * binom.cdf(fewer, discordant, 0.5)))


def test_a_comparison_is_paired():
    rng = np.random.default_rng(0)
    right = clustered(rng, 10, 10).ravel()
    groups = np.repeat(np.arange(10), 10)
    same = compare(right, right, groups, 0)
    assert same["accuracy_difference"] == 0
    assert same["interval"] == [0, 0]
    better = compare(np.ones(100, bool), right, groups, 0)
    assert better["interval"][0] > 0
    assert better["accuracy_difference"] == pytest.approx(1 - right.mean())
    assert compare(right, ~right, np.zeros(100), 0)["interval"] is None
