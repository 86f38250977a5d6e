import numpy as np
import pytest
from scipy.stats import binom, binomtest

from benchmarks.coverage import accuracy_runs, difference_runs, measure
from vidseq.evaluation.bootstrap import GroupBootstrap, compare, mcnemar


def clustered(rng, groups: int, clips: int, rate: float = 0.8):
    """Right or wrong for clips whose groups are easy or hard: the mean probability is `rate`."""
    probability = rng.beta(4 * rate, 4 * (1 - rate), groups)
    return rng.random((groups, clips)) < probability[:, None]


RUNS = 1000
HARD = [(5, 0.8, 0.6), (10, 0.9, 0.6), (20, 0.9, 0.6), (5, 0.97, 0.3), (20, 0.97, 0.6)]


@pytest.mark.parametrize(("groups", "accuracy", "correlation"), HARD)
def test_intervals_of_accuracy_cover_at_least_93_percent(groups, accuracy, correlation):
    """Shown with 97.5 % confidence, not merely not refuted: the lower end of the coverage's own interval is above."""
    (percentiles, covered), widths = measure(accuracy_runs(groups, accuracy, correlation, (3, 8), RUNS))
    assert binomtest(round(RUNS * covered), RUNS).proportion_ci().low > 0.93
    assert binomtest(round(RUNS * percentiles), RUNS).proportion_ci().high < 0.93  # what is in use is needed
    assert widths[1] < 0.8  # and says something


FEW_DIFFER = [(5, (0.97, 0.9), 0.6), (10, (0.97, 0.9), 0.6), (20, (0.99, 0.97), 0.6)]


@pytest.mark.parametrize(("groups", "accuracies", "correlation"), FEW_DIFFER)
def test_intervals_of_a_difference_cover_where_few_clips_tell_two_models_apart(groups, accuracies, correlation):
    (percentiles, covered), widths = measure(difference_runs(groups, accuracies, correlation, (3, 8), RUNS))
    assert binomtest(round(RUNS * covered), RUNS).proportion_ci().low > 0.93
    assert binomtest(round(RUNS * percentiles), RUNS).proportion_ci().high < 0.93
    assert widths[1] < 1  # of 2


@pytest.mark.parametrize(("groups", "clips", "low"), [(5, 100, 0.478), (5, 5, 0.478), (20, 100, 0.832), (2, 10, 0.158)])
def test_where_all_clips_are_right_each_group_counts_as_one(groups, clips, low):
    right = np.ones(clips, bool)
    drawn = GroupBootstrap(np.arange(clips) % groups, 0)
    assert drawn.proportion_interval(right, right) == [pytest.approx(low, abs=5e-4), 1.0]
    high = 1 - drawn.proportion_interval(right, right)[0]
    assert drawn.proportion_interval(~right, right) == [0.0, pytest.approx(high)]
    assert drawn.difference_interval(right * 0.0) == [pytest.approx(-high), pytest.approx(high)]


def test_a_large_group_beside_small_ones_counts_for_little_more_than_itself():
    right = np.ones(100, bool)
    low, _ = GroupBootstrap(np.minimum(np.arange(100), 1), 0).proportion_interval(right, right)
    assert low < 0.05  # two equal groups: 0.158


@pytest.mark.parametrize("hits", [0, 1, 7, 20, 37, 40])
def test_clips_that_are_groups_of_their_own_have_clopper_and_pearsons_interval(hits):
    right, all_clips = np.arange(40) < hits, np.ones(40, bool)
    expected = binomtest(hits, 40).proportion_ci()
    low, high = GroupBootstrap(np.arange(40), 0).proportion_interval(right, all_clips)
    assert [low, high] == [pytest.approx(expected.low, abs=1e-9), pytest.approx(expected.high, abs=1e-9)]


def test_an_interval_of_a_fraction_counts_the_groups_that_have_such_clips():
    """Recall of a class that 2 of 20 groups have."""
    groups, right = np.arange(100) % 20, np.ones(100, bool)
    low, high = GroupBootstrap(groups, 0).proportion_interval(right, groups < 2)
    assert (low, high) == (pytest.approx(0.158, abs=5e-4), 1.0)
    assert GroupBootstrap(groups, 0).proportion_interval(right, groups < 1) is None
    assert GroupBootstrap(groups, 0).proportion_interval(right, groups < 0) is None


def test_equal_draws_are_no_interval():
    assert GroupBootstrap(np.arange(5), 0).interval(np.full(10, 0.1 + 0.2)) is None
    assert GroupBootstrap(np.arange(5), 0).interval(np.array([0.3, 0.1 + 0.2])) is None


def test_intervals_over_clips_instead_of_groups_would_be_too_narrow():
    right = clustered(np.random.default_rng(0), 20, 10).ravel()
    widths = []
    for groups in (np.repeat(np.arange(20), 10), np.arange(200)):
        low, high = GroupBootstrap(groups, 1).proportion_interval(right, np.ones(200, bool))
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
    low, high = drawn.interval(np.where(np.isnan(ratios_R), np.nan, np.arange(len(ratios_R))))
    assert 0 <= low < high < len(ratios_R)


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
    assert same["interval"][0] == -same["interval"][1] < -0.2
    better = compare(np.ones(100, bool), right, drawn)
    assert better["interval"][0] > 0
    assert better["accuracy_difference"] == pytest.approx(1 - right.mean())
    assert compare(right, ~right, GroupBootstrap(np.zeros(100), 0))["interval"] is None
