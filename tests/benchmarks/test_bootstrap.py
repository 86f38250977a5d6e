import numpy as np
import pytest

from benchmarks.bootstrap import over_groups_and_seeds


def test_draws_are_wider_where_clips_of_a_group_are_correlated():
    group_N = np.repeat(range(20), 10)
    correlated_R = over_groups_and_seeds(np.repeat(np.arange(20) % 2, 10)[None], group_N, 0)
    independent_R = over_groups_and_seeds((np.arange(200) % 2)[None], group_N, 0)
    assert correlated_R.mean() == pytest.approx(0.5, abs=0.02)
    assert correlated_R.std() > 0.1
    assert independent_R.std() < 1e-9


def test_draws_are_wider_where_seeds_differ():
    group_N = np.repeat(range(20), 10)
    alike_R = over_groups_and_seeds(np.full((3, 200), 0.1), group_N, 0)
    unlike_R = over_groups_and_seeds(np.repeat([[0.0], [0.2]], 200, axis=1), group_N, 0)
    assert alike_R.std() < 1e-9
    assert unlike_R.std() == pytest.approx(0.1 / np.sqrt(2), abs=0.005)  # of the mean of two draws of 0 and 0.2


def test_a_seed_counts_the_clips_that_it_has():
    nan = np.nan
    draws_R = over_groups_and_seeds(np.array([[1, 1, nan, nan], [nan, nan, 0, 0]]), np.array(["a", "b", "c", "d"]), 0)
    assert set(np.unique(draws_R[~np.isnan(draws_R)])) == {0, 0.5, 1}
