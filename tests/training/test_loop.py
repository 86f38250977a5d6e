import pytest
import torch
from lightning_fabric.accelerators import CUDAAccelerator, MPSAccelerator

from vidseq.errors import VidseqError
from vidseq.models import build_head
from vidseq.training.batches import Batches, collate
from vidseq.training.loop import train_head

SETTINGS = {
    "rnn": {"cell": "gru", "bidirectional": True},
    "transformer": {"heads": 4, "positions": "sinusoidal", "pooling": "max"},
}


def problem(count: int, seed: int = 0) -> list[tuple[torch.Tensor, int]]:
    """Sequences of noise that rise (class 1) or fall (class 0): their mean says nothing."""
    generator = torch.Generator().manual_seed(seed)
    x, y = [], []
    for row in range(count):
        steps = int(torch.randint(4, 10, (1,), generator=generator))
        rise = torch.linspace(-2, 2, steps)[:, None] * torch.linspace(-1, 1, 8)
        x.append((rise if row % 2 else -rise) + 0.3 * torch.randn(steps, 8, generator=generator))
        y.append(row % 2)
    return list(zip(x, y, strict=True))


def train(name: str, params, dropout: float = 0.0, seed: int = 0, count: int = 16, **changes):
    torch.manual_seed(seed)
    settings = {"model": {"layers": 2, "dim": 32, "dropout": dropout}, name: SETTINGS[name]}
    head = build_head(name, 8, 2, settings)
    loader = Batches(problem(count), 8, shuffle=True)
    val = Batches(problem(16, seed=1), 8, shuffle=False)
    return head, *train_head(name, head, loader, val, params.train.model_copy(update={"epochs": 30, **changes}))


@pytest.mark.parametrize("name", SETTINGS)
def test_a_head_can_overfit_16_clips(name, params):
    _, curves, _ = train(name, params, epochs=60, patience=60, lr=0.003)
    assert curves.train_loss.iloc[-1] < 0.01
    assert curves.val_accuracy.max() == 1.0


@pytest.mark.parametrize("epochs", range(1, 8))
def test_the_schedule_takes_any_number_of_steps(params, epochs):
    _, curves, grad_norms = train("rnn", params, count=8, epochs=epochs)
    assert len(grad_norms) == len(curves) == epochs


@pytest.mark.parametrize("name", SETTINGS)
def test_training_is_deterministic_from_its_seed(name, params):
    (first, curves, norms), (again, same, same_norms) = (train(name, params, dropout=0.3, epochs=3) for _ in range(2))
    assert norms == same_norms
    assert curves.equals(same)
    for key, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[key])
    assert train(name, params, dropout=0.3, epochs=3, seed=1)[2] != norms


def test_gradient_norms_are_recorded_before_they_are_clipped(params):
    _, curves, norms = train("rnn", params, epochs=2, gradient_clip_norm=1e-3)
    assert len(norms) == 2 * 2
    assert min(norms) > 1e-3
    assert curves.grad_norm_max.iloc[0] == max(norms[:2])


def test_early_stopping_keeps_the_best_epoch(params):
    head, curves, _ = train("rnn", params, epochs=60, patience=4, lr=0.01)
    best = curves.val_loss.idxmin()
    assert len(curves) <= best + 1 + 4
    x_BTD, mask_BT, y_B = collate(problem(16, seed=1))
    with torch.inference_mode():
        loss = torch.nn.functional.cross_entropy(head.eval()(x_BTD, mask_BT), y_B).item()
    assert loss == pytest.approx(curves.val_loss[best], abs=1e-5)


def test_a_loss_of_nan_stops_with_one_line(params):
    head = build_head("rnn", 8, 2, {"model": {"layers": 2, "dim": 32, "dropout": 0.0}, "rnn": SETTINGS["rnn"]})
    clips = problem(16)
    clips[3][0][0, 0] = float("nan")
    with pytest.raises(VidseqError, match=r"training diverged: the loss is nan at step \d.*train\.lr") as caught:
        train_head("rnn", head, Batches(clips, 8, shuffle=True), Batches(problem(8), 8, shuffle=False), params.train)
    assert "\n" not in str(caught.value)


def test_without_validation_clips_the_last_epoch_is_kept_and_all_epochs_run(params):
    torch.manual_seed(0)
    head = build_head("rnn", 8, 2, {"model": {"layers": 2, "dim": 32, "dropout": 0.0}, "rnn": SETTINGS["rnn"]})
    seen = []
    quick = params.train.model_copy(update={"epochs": 4, "patience": 1})
    curves, norms = train_head("rnn", head, Batches(problem(16), 8, shuffle=True), None, quick, on_epoch=seen.append)
    assert len(curves) == 4
    assert len(norms) == 2 * 4
    assert curves.val_loss.isna().all()
    assert [len(so_far) for so_far in seen] == [1, 2, 3, 4]  # reported after each epoch
    assert seen[-1].equals(curves)


@pytest.mark.parametrize("accelerator", [CUDAAccelerator, MPSAccelerator])
def test_heads_train_on_the_cpu_whatever_else_there_is(accelerator, params, monkeypatch):
    monkeypatch.setattr(accelerator, "is_available", lambda: True)  # "auto" would take it, and fail here
    head, _, _ = train("rnn", params, epochs=1)
    assert {parameter.device.type for parameter in head.parameters()} == {"cpu"}
