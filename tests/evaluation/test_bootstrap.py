import numpy as np
import pytest
from scipy.stats import binom

from vidseq.evaluation import bootstrap
from vidseq.evaluation.bootstrap import GroupBootstrap, compare, mcnemar


def clustered(rng, groups: int, clips: int, rate: float = 0.8):
    """Right or wrong for clips whose groups are easy or hard: the mean probability is `rate`."""
    probability = rng.beta(4 * rate, 4 * (1 - rate), groups)
    return rng.random((groups, clips)) < probability[:, None]


@pytest.mark.parametrize(("groups", "least"), [(5, 0.87), (12, 0.92), (40, 0.925)])
def test_intervals_cover_at_the_nominal_rate(groups, least, monkeypatch):
    monkeypatch.setattr(bootstrap, "DRAWS", 800)
    rng = np.random.default_rng(groups)
    covered = []
    for _ in range(400):
        right = clustered(rng, groups, 6).ravel()
        low, high = GroupBootstrap(np.repeat(np.arange(groups), 6), rng).mean_interval(right)
        covered.append(low <= 0.8 <= high)
    assert least <= np.mean(covered) <= 0.98  # 0.95, but for five groups near the ceiling, and give or take 400 runs


def test_intervals_over_clips_instead_of_groups_would_be_too_narrow():
    right = clustered(np.random.default_rng(0), 20, 10).ravel()
    widths = []
    for groups in (np.repeat(np.arange(20), 10), np.arange(200)):
        low, high = GroupBootstrap(groups, 1).mean_interval(right)
        widths.append(high - low)
    assert widths[0] > 1.4 * widths[1]


def test_sums_and_draws_are_of_whole_groups():
    groups, terms = np.array(["b", "a", "b"]), np.array([[1.0], [2], [4]])
    sums_R1 = GroupBootstrap(groups, 0).sums(terms)
    assert set(sums_R1[:, 0]) == {4.0, 7.0, 10.0}  # group b has 5, group a has 2
    assert np.array_equal(sums_R1, GroupBootstrap(groups, 0).sums(terms))
    assert not np.array_equal(sums_R1, GroupBootstrap(groups, 1).sums(terms))


def test_the_same_draws_serve_every_number():
    """So differences between models are paired."""
    groups, terms_NK = np.arange(9) // 2, np.random.default_rng(0).random((9, 2))
    drawn = GroupBootstrap(groups, 0)
    both_RK = drawn.sums(terms_NK)
    np.testing.assert_allclose(drawn.sums(terms_NK[:, 1:]), both_RK[:, 1:])
    np.testing.assert_allclose(drawn.ratios(*terms_NK.T), both_RK[:, 0] / both_RK[:, 1])


def test_a_ratio_of_nothing_is_nan_and_stays_out_of_the_interval():
    drawn = GroupBootstrap(np.array([0, 1]), 0)
    ratios_R = drawn.ratios(np.array([1, 0]), np.array([2, 0]))
    assert set(np.unique(ratios_R[~np.isnan(ratios_R)])) == {0.5}
    assert 0.15 < np.isnan(ratios_R).mean() < 0.35  # the draws of the second group alone
    assert drawn.interval(ratios_R) == [0.5, 0.5]


def test_one_group_says_nothing_of_how_groups_vary():
    assert GroupBootstrap(np.zeros(10), 0).interval(np.ones(10)) is None
    assert GroupBootstrap(np.arange(5), 0).interval(np.full(10, np.nan)) is None


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
    drawn = GroupBootstrap(np.repeat(np.arange(10), 10), 0)
    same = compare(right, right, drawn)
    assert same["accuracy_difference"] == 0
    assert same["interval"] == [0, 0]
    better = compare(np.ones(100, bool), right, drawn)
    assert better["interval"][0] > 0
    assert better["accuracy_difference"] == pytest.approx(1 - right.mean())
    assert compare(right, ~right, GroupBootstrap(np.zeros(100), 0))["interval"] is None
