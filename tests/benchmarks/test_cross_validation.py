import numpy as np
import pandas as pd

from benchmarks.cross_validation import both_ways, compared, difference, few_groups
from vidseq.models.thresholds import OutOfFold

CONFIG = {"name": "cnn", "weights": "5ebb", "transform": {}, "diff": None, "image_types": ["rgb"]}


def test_each_clip_is_once_more_backwards_in_a_class_of_its_own_and_in_its_group():
    clips = pd.DataFrame({"label": ["GolfSwing", "Punch", "JavelinThrow"], "group": ["a", "b", "c"]})
    x = [np.arange(6).reshape(3, 2) + 10 * n for n in range(3)]
    table, features = both_ways(clips, x)
    assert table.label.tolist() == ["GolfSwing", "JavelinThrow", "GolfSwing, backwards", "JavelinThrow, backwards"]
    assert table.group.tolist() == ["a", "c", "a", "c"]
    np.testing.assert_array_equal(features[3], x[2][::-1])


def test_only_the_first_groups_are_trained_on(params, monkeypatch):
    rng = np.random.default_rng(0)
    clips = pd.DataFrame({"label": ["A", "B"] * 30, "group": [f"{'AB'[n % 2]}{n // 6:02d}" for n in range(60)]})
    x = [rng.normal(n % 2, 0.1, (3, 4)).astype(np.float16) for n in range(60)]
    sizes = []

    def train(features, labels, groups, *rest):
        sizes.append(len(set(groups)))
        from vidseq.training.pooling import train_pooling

        return train_pooling(features, labels, groups, *rest)

    monkeypatch.setattr("benchmarks.cross_validation.train_pooling", train)
    assert few_groups("baseline", clips, x, params, CONFIG, 3).accuracy() == 1.0
    assert sizes == [6] * 5


def test_the_interval_of_a_difference_counts_groups_and_seeds():
    group_N = np.repeat(np.arange(20), 10)
    same = difference(np.full((3, 200), 0.1), group_N)
    assert same == "+0.100 (+0.100 to +0.100)"
    seeds = difference(np.repeat([[0.0], [0.2]], 200, axis=1), group_N)
    assert seeds == "+0.100 (+0.000 to +0.200)"


def test_a_model_that_equals_the_baseline_is_not_above_it():
    y_N, group_N = np.arange(40) % 2, np.arange(40) // 4
    out_of_fold = OutOfFold(np.eye(2)[y_N] * 3, y_N)
    whole = {(name, seed): out_of_fold for name in ("rnn", "rnn_causal", "transformer", "baseline") for seed in (0, 1)}
    rows = list(compared(whole, group_N, 2))
    assert rows[0].startswith("| rnn | 1.000 | 0.049 | 0.047 | +0.000 (+0.000 to +0.000) | +0.000")
    assert rows[3] == "| baseline | 1.000 | 0.049 | 0.047 |  |  |"
