import torch

from vidseq.models import build_head
from vidseq.models.ensemble import Ensemble
from vidseq.models.layers import pad_left

SETTINGS = {"model": {"layers": 1, "dim": 8, "dropout": 0.0}, "rnn": {"cell": "gru", "bidirectional": False}}


def members(count: int, bidirectional: bool = False) -> list[torch.nn.Module]:
    torch.manual_seed(0)
    settings = SETTINGS | {"rnn": SETTINGS["rnn"] | {"bidirectional": bidirectional}}
    return [build_head("rnn", 6, 3, settings).eval() for _ in range(count)]


def test_the_answer_is_the_mean_of_the_members_probabilities():
    heads, (x_BTD, mask_BT) = members(3), pad_left([torch.randn(5, 6), torch.randn(2, 6)])
    expected = torch.stack([head(x_BTD, mask_BT).softmax(1) for head in heads]).mean(0)
    torch.testing.assert_close(Ensemble(heads)(x_BTD, mask_BT).softmax(1), expected)


def test_step_by_step_it_says_what_it_says_of_the_whole():
    ensemble, x_TD = Ensemble(members(2)), torch.randn(7, 6)
    states, first = ensemble.step(None, x_TD[:3])
    _, rest = ensemble.step(states, x_TD[3:])
    whole = torch.cat([ensemble(*pad_left([x_TD[:steps]])) for steps in range(1, 8)])
    torch.testing.assert_close(torch.cat([first, rest]).softmax(1), whole.softmax(1))


def test_it_is_causal_if_its_members_are():
    assert Ensemble(members(2)).causal
    assert not Ensemble(members(2, bidirectional=True)).causal
