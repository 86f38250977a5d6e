import numpy as np
import pytest
import torch

from vidseq.evaluation.bootstrap import GroupBootstrap
from vidseq.evaluation.early import FRACTIONS, accuracy_by_fraction, first_part, online_cost, shuffled_in_time
from vidseq.models import build_head
from vidseq.models.layers import pad_left
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
    return TrainedModel(preprocessing, head, {"classes": ["A", "B", "C"]})


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 33])
def test_the_first_part_has_at_least_one_step_and_at_last_all(steps):
    x_TD = np.arange(steps)[:, None]
    lengths = [len(first_part(x_TD, fraction)) for fraction in FRACTIONS]
    assert lengths[0] >= 1
    assert lengths == sorted(lengths)
    assert lengths[-1] == steps
    assert first_part(np.arange(10)[:, None], 0.3).flatten().tolist() == [0, 1, 2]


def test_accuracy_on_a_part_comes_from_that_part_alone():
    """Clips whose class shows in their last step only: half are right before, all at the end."""
    y = np.arange(40) % 2
    clips = [np.pad([[float(label)]], ((8, 0), (0, 0))) for label in y]

    def probabilities(features):
        seen = np.array([x_TD.max() for x_TD in features])
        return np.stack([1 - seen, seen], 1)

    rows = accuracy_by_fraction(probabilities, clips, y, GroupBootstrap(np.arange(40) // 4, 0))
    assert [row["accuracy"] for row in rows] == [0.5] * 8 + [1.0] * 2
    assert rows[0]["low"] <= 0.5 <= rows[0]["high"]
    one_group = GroupBootstrap(np.zeros(40), 0)
    assert accuracy_by_fraction(probabilities, clips, y, one_group)[0]["low"] is None


@pytest.mark.parametrize(("bidirectional", "name"), [(True, "rnn"), (False, "rnn"), (True, "transformer")])
def test_later_frames_do_not_change_what_is_predicted_from_the_first_part(bidirectional, name):
    trained, rng = model(bidirectional, name), np.random.default_rng(0)
    x_TD = rng.normal(size=(10, 8))
    other_TD = np.concatenate([x_TD[:5], rng.normal(size=(5, 8)) + 9])
    first, second = (trained.probabilities([first_part(x, 0.5)]) for x in (x_TD, other_TD))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(trained.probabilities([x_TD]), trained.probabilities([other_TD]))


def test_a_causal_rnn_gives_step_by_step_what_it_gives_for_the_whole():
    """So one decision costs one step of it."""
    head = model(bidirectional=False).head.eval()
    x_TD, state, best_BD = torch.randn(7, 8), None, None
    with torch.inference_mode():
        for step in range(7):
            h_BTD, state = head.rnn(head.projection(x_TD[None, step : step + 1]), state)
            best_BD = h_BTD[:, 0] if best_BD is None else torch.maximum(best_BD, h_BTD[:, 0])
            torch.testing.assert_close(head.classifier(best_BD), head(*pad_left([x_TD[: step + 1]])))


def test_the_cost_of_a_decision_is_counted_after_the_longest_clip():
    features = [np.zeros((steps, 8), np.float16) for steps in (3, 20, 7)]
    assert online_cost(features, images_per_step=2) == {"images": 2, "bidirectional_steps": 20, "causal_steps": 1}


def test_shuffling_in_time_keeps_the_frames_and_depends_on_the_seed_alone():
    features = [np.arange(steps * 2, dtype=np.float16).reshape(steps, 2) for steps in (1, 9, 30)]
    shuffled, again, other = (shuffled_in_time(features, seed) for seed in (0, 0, 1))
    for x_TD, new_TD, same_TD in zip(features, shuffled, again, strict=True):
        np.testing.assert_array_equal(np.sort(new_TD, 0), x_TD)
        np.testing.assert_array_equal(new_TD, same_TD)
    assert not np.array_equal(shuffled[2], features[2])
    assert not np.array_equal(shuffled[2], other[2])
