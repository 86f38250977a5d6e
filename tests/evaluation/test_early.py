import numpy as np
import pytest
import torch

from vidseq.evaluation.bootstrap import GroupBootstrap
from vidseq.evaluation.early import (
    FRACTIONS,
    ShuffledInTime,
    accuracy_by_fraction,
    online_cost,
    probabilities_by_fraction,
    seen_steps,
)
from vidseq.models import build_head
from vidseq.models.preprocessing import Preprocessing
from vidseq.models.trained_model import TrainedModel


def model(bidirectional: bool, name: str = "rnn") -> TrainedModel:
    torch.manual_seed(0)
    sections = {"rnn": {"cell": "gru", "bidirectional": bidirectional},
                "transformer": {"heads": 4, "positions": "sinusoidal", "pooling": "max"}}  # fmt: skip
    sizes = {"layers": 2, "dim": 16, "dropout": 0.0}
    preprocessing = Preprocessing(8, ["rgb"], ["rgb", "rgb_deviation"], lag=2, pca_components=4)
    preprocessing.fit([torch.randn(9, 8) for _ in range(8)], seed=0)
    head = build_head(name, preprocessing.dim, 3, {"model": sizes, name: sections[name]})
    return TrainedModel(preprocessing, head, {"classes": ["A", "B", "C"], "frames": {"max_frames": 32}})


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 33])
def test_the_first_part_has_at_least_one_step_and_at_last_all(steps):
    lengths = [seen_steps(steps, fraction) for fraction in FRACTIONS]
    assert lengths[0] >= 1
    assert lengths == sorted(lengths)
    assert lengths[-1] == steps
    assert seen_steps(10, 0.3) == 3


def test_accuracy_is_counted_for_each_part():
    y = np.arange(40) % 2
    blind, sure = np.full((40, 2), [0.6, 0.4]), np.eye(2)[y]
    bootstrap = GroupBootstrap(np.arange(40) // 4, 0)
    rows = accuracy_by_fraction({0.1: blind, 1.0: sure}, y, bootstrap)
    assert [(row["fraction"], row["accuracy"]) for row in rows] == [(0.1, 0.5), (1.0, 1.0)]
    assert rows[0]["low"] <= 0.5 <= rows[0]["high"]
    assert rows[1]["low"] < 1
    assert accuracy_by_fraction({0.1: blind}, y, GroupBootstrap(np.zeros(40), 0))[0]["low"] is None


@pytest.mark.parametrize(("bidirectional", "name"), [(True, "rnn"), (False, "rnn"), (True, "transformer")])
def test_what_is_predicted_from_a_part_is_what_the_model_says_of_that_part_alone(bidirectional, name):
    """A causal model reads a stream: it gives at each step what it gives for the steps up to then."""
    trained, rng = model(bidirectional, name), np.random.default_rng(0)
    clips = [rng.normal(size=(steps, 8)) for steps in (10, 1, 32, 7)]
    later = [np.concatenate([x_TD[: seen_steps(len(x_TD), 0.5)], 9 + rng.normal(size=(5, 8))]) for x_TD in clips]
    found = probabilities_by_fraction(trained, clips)
    for fraction, p_NC in found.items():
        parts = [x_TD[: seen_steps(len(x_TD), fraction)] for x_TD in clips]
        np.testing.assert_allclose(p_NC, trained.probabilities(parts), atol=1e-5)
    assert np.abs(found[1.0] - trained.probabilities(later)).max() > 1e-3
    assert trained.causal == (not bidirectional)


def test_the_cost_of_a_decision_is_counted_after_the_longest_clip():
    features = [np.zeros((steps, 8), np.float16) for steps in (3, 20, 7)]
    assert online_cost(features, images_per_step=2) == {"images": 2, "bidirectional_steps": 20, "causal_steps": 1}


def test_shuffling_in_time_keeps_the_frames_and_depends_on_the_seed_alone():
    features = [np.arange(steps * 2, dtype=np.float16).reshape(steps, 2) for steps in (1, 9, 30)]
    shuffled, again, other = (ShuffledInTime(features, seed) for seed in (0, 0, 1))
    for x_TD, new_TD, same_TD in zip(features, shuffled, again, strict=True):
        np.testing.assert_array_equal(np.sort(new_TD, 0), x_TD)
        np.testing.assert_array_equal(new_TD, same_TD)
    assert not np.array_equal(shuffled[2], features[2])
    assert not np.array_equal(shuffled[2], other[2])
