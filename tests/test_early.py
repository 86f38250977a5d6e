import numpy as np
import pytest
import torch

from vidseq.early import FRACTIONS, accuracy_by_fraction, first_part, online_cost
from vidseq.heads import build_head
from vidseq.sequences import pad_left
from vidseq.streams import Streams
from vidseq.trained_model import TrainedModel


def model(bidirectional: bool, name: str = "rnn") -> TrainedModel:
    torch.manual_seed(0)
    sections = {"rnn": {"cell": "gru", "bidirectional": bidirectional},
                "transformer": {"heads": 4, "positions": "sinusoidal", "pooling": "max"}}  # fmt: skip
    sizes = {"layers": 2, "dim": 16, "dropout": 0.0}
    streams = Streams(8, ["frame"], ["frame", "frame_distance"], lag=2, components=4)
    streams.fit([torch.randn(9, 8) for _ in range(8)], seed=0)
    head = build_head(name, streams.dim, 3, {"model": sizes, name: sections[name]})
    return TrainedModel(streams, head, {"classes": ["A", "B", "C"]})


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 33])
def test_the_first_part_has_at_least_one_step_and_at_last_all(steps):
    x_TD = torch.arange(steps)[:, None]
    lengths = [len(first_part(x_TD, fraction)) for fraction in FRACTIONS]
    assert lengths[0] >= 1
    assert lengths == sorted(lengths)
    assert lengths[-1] == steps
    assert first_part(torch.arange(10)[:, None], 0.3).flatten().tolist() == [0, 1, 2]


def test_accuracy_on_a_part_comes_from_that_part_alone():
    """Clips whose class shows in their last third only: chance before, all right at the end."""
    y = np.arange(40) % 2
    clips = [torch.zeros(9, 1).index_fill(0, torch.tensor([8]), float(label)) for label in y]

    def probabilities(sequences):
        seen = np.array([float(x_TD.max()) for x_TD in sequences])
        return np.stack([1 - seen, seen], 1)

    rows = accuracy_by_fraction(probabilities, clips, y, np.arange(40) // 4, 0)
    assert [row["accuracy"] for row in rows] == [0.5] * 8 + [1.0] * 2
    assert rows[0]["low"] <= 0.5 <= rows[0]["high"]
    assert accuracy_by_fraction(probabilities, clips, y, np.zeros(40), 0)[0]["low"] is None


@pytest.mark.parametrize(("bidirectional", "name"), [(True, "rnn"), (False, "rnn"), (True, "transformer")])
def test_what_comes_later_changes_nothing_said_of_the_first_part(bidirectional, name):
    trained, x_TD = model(bidirectional, name), torch.randn(10, 8)
    other_TD = torch.cat([x_TD[:5], torch.randn(5, 8) + 9])
    first, second = (trained.probabilities([first_part(x, 0.5)]) for x in (x_TD, other_TD))
    assert torch.equal(first, second)
    assert not torch.equal(trained.probabilities([x_TD]), trained.probabilities([other_TD]))


def test_a_one_way_rnn_gives_step_by_step_what_it_gives_for_the_whole():
    """What makes one step of it a fair price of an online decision."""
    head = model(bidirectional=False).head.eval()
    x_TD, state, best_BD = torch.randn(7, 8), None, None
    with torch.inference_mode():
        for step in range(7):
            h_BTD, state = head.rnn(head.project(x_TD[None, step : step + 1]), state)
            best_BD = h_BTD[:, 0] if best_BD is None else torch.maximum(best_BD, h_BTD[:, 0])
            torch.testing.assert_close(head.classify(best_BD), head(*pad_left([x_TD[: step + 1]])))


def test_the_price_of_a_decision_is_measured():
    costs = online_cost(model(True), model(False), torch.randn(20, 8), repeats=3)
    assert costs["steps"] == 20
    assert min(costs["prefix_seconds"], costs["causal_step_seconds"]) > 0
