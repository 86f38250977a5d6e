"""What every head guarantees, trained or not: padding and other clips change nothing, gradients reach all weights."""

import itertools

import pytest
import torch

from vidseq.models import build_head
from vidseq.models.layers import pad_left
from vidseq.training.batches import Batches
from vidseq.training.loop import train_head

DIM, CLASSES = 24, 3
VARIANTS = [
    *(("rnn", {"cell": c, "bidirectional": b}) for c, b in itertools.product(("gru", "lstm"), (True, False))),
    *(
        ("transformer", {"heads": 4, "positions": p, "pooling": o})
        for p, o in itertools.product(("sinusoidal", "learned"), ("max", "cls"))
    ),
]


def sequences(count: int, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 12, (count,), generator=generator)
    return [torch.randn(int(length), DIM, generator=generator) for length in lengths]


def make(name: str, settings: dict, layers: int = 2) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_head(
        name,
        DIM,
        CLASSES,
        {"model": {"layers": layers, "dim": 32, "dropout": 0.2}, name: settings},
    )


def trained(name: str, settings: dict, params) -> torch.nn.Module:
    head, x, y = make(name, settings), sequences(24), [i % CLASSES for i in range(24)]
    clips = list(zip(x, y, strict=True))
    train_head(
        name,
        head,
        Batches(clips, 8, shuffle=True),
        Batches(clips, 8, shuffle=False),
        params.train.model_copy(update={"epochs": 3}),
    )
    return head


@pytest.mark.parametrize("is_trained", [False, True], ids=["untrained", "trained"])
@pytest.mark.parametrize(("name", "settings"), VARIANTS)
@torch.inference_mode()
def test_padding_and_the_rest_of_the_batch_change_no_logit(name, settings, is_trained, params):
    with torch.inference_mode(False):
        head = (trained(name, settings, params) if is_trained else make(name, settings)).eval()
    clips = sequences(6)
    x_BTD, mask_BT = pad_left(clips)
    logits_BC = head(x_BTD, mask_BT)

    garbage = torch.where(mask_BT[:, :, None], x_BTD, 1e3 * torch.randn_like(x_BTD))
    torch.testing.assert_close(head(garbage, mask_BT), logits_BC, atol=1e-5, rtol=0)

    longer_x = torch.cat([torch.randn(6, 9, DIM), x_BTD], 1)
    longer_mask = torch.cat([torch.zeros(6, 9, dtype=torch.bool), mask_BT], 1)
    torch.testing.assert_close(head(longer_x, longer_mask), logits_BC, atol=1e-5, rtol=0)

    for row, clip in enumerate(clips):
        torch.testing.assert_close(head(*pad_left([clip]))[0], logits_BC[row], atol=1e-5, rtol=0)
        batch = head(*pad_left([*sequences(4, seed=row + 1), clip]))
        torch.testing.assert_close(batch[-1], logits_BC[row], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
@torch.inference_mode()
def test_the_order_of_frames_matters(name, settings):
    head = make(name, settings).eval()
    x_TD = sequences(3)[0] if len(sequences(3)[0]) > 3 else torch.randn(8, DIM)
    assert (head(*pad_left([x_TD])) - head(*pad_left([x_TD.flip(0)]))).abs().max() > 1e-4


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_gradients_reach_every_parameter(name, settings):
    head = make(name, settings)
    # as many steps as there are learned positions, or the later ones would rightly have no gradient
    steps = 1024 if settings.get("positions") == "learned" else 8
    head(*pad_left([torch.randn(steps, DIM), torch.randn(3, DIM)])).square().sum().backward()
    without = [n for n, p in head.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


@pytest.mark.parametrize("layers", [1, 3])
def test_layers_is_the_number_of_layers(layers):
    rnn = make("rnn", {"cell": "gru", "bidirectional": True}, layers)
    assert rnn.rnn.num_layers == layers
    transformer = make("transformer", {"heads": 4, "positions": "sinusoidal", "pooling": "max"}, layers)
    assert len(transformer.encoder.layers) == layers


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("piece", [1, 3, 11])
@torch.inference_mode()
def test_a_causal_rnn_goes_step_by_step(cell, piece):
    """What it says after a step is what it says of the steps up to it, whatever comes later."""
    head = make("rnn", {"cell": cell, "bidirectional": False}).eval()
    x_TD, state, logits = torch.randn(11, DIM), None, []
    for piece_TD in x_TD.split(piece):
        state, logits_TC = head.step(state, piece_TD)
        logits.append(logits_TC)
    for step, logits_C in enumerate(torch.cat(logits)):
        torch.testing.assert_close(head(*pad_left([x_TD[: step + 1]]))[0], logits_C, atol=1e-5, rtol=0)


def test_a_bidirectional_rnn_cannot_go_step_by_step():
    head = make("rnn", {"cell": "gru", "bidirectional": True})
    assert not head.causal
    with pytest.raises(ValueError, match="bidirectional"):
        head.step(None, torch.randn(1, DIM))
