import numpy as np
import pytest
import torch

from vidseq.recipe import train_model

BACKBONE = {"name": "none", "grid": 2, "difference": None, "images": ["frame"]}


def clips(count: int, seed: int = 0) -> tuple[list[torch.Tensor], list[str]]:
    """Features that rise or fall in time, of one channel on a grid of 2 x 2."""
    generator = torch.Generator().manual_seed(seed)
    x, y = [], []
    for row in range(count):
        ramp = torch.linspace(0, 4, 6 + row % 5)[:, None].expand(-1, 4)
        x.append((ramp if row % 2 else ramp.flip(0)) + torch.rand(len(ramp), 4, generator=generator))
        y.append("rise" if row % 2 else "fall")
    return x, y


@pytest.fixture
def quick(params):
    changes = {
        "streams": params.streams.model_copy(update={"show": ["frame", "frame_change"], "components": 4}),
        "model": params.model.model_copy(update={"dim": 16, "dropout": 0.0}),
        "train": params.train.model_copy(update={"epochs": 20, "batch_size": 8}),
    }
    return params.model_copy(update=changes)


@pytest.mark.parametrize("name", ["rnn", "transformer"])
@pytest.mark.parametrize("refit", [True, False])
def test_a_model_comes_out_that_knows_the_order_of_frames(name, refit, quick):
    params = quick.model_copy(update={"train": quick.train.model_copy(update={"refit": refit})})
    x, y = clips(40)
    model, curves, grad_norms, p_NC = train_model(name, x, y, np.arange(40) < 8, params, BACKBONE)
    assert model.classes == ["fall", "rise"]
    assert p_NC.shape == (8, 2)
    assert len(grad_norms) == 4 * len(curves)  # of the run with validation alone
    new, labels = clips(20, seed=1)
    predicted = [model.classes[i] for i in model.probabilities(new).argmax(1)]
    backwards = [model.classes[i] for i in model.probabilities([x_TD.flip(0) for x_TD in new]).argmax(1)]
    assert np.mean(np.array(predicted) == labels) > 0.9
    assert np.mean(np.array(backwards) == labels) < 0.1


def test_only_the_refit_has_seen_the_validation_clips(quick):
    x, y = clips(24)
    val = np.arange(24) < 6
    with_refit, curves, _, p_NC = train_model("rnn", x, y, val, quick, BACKBONE)
    without = quick.model_copy(update={"train": quick.train.model_copy(update={"refit": False})})
    plain, same, _, same_p_NC = train_model("rnn", x, y, val, without, BACKBONE)
    assert curves.equals(same)
    assert torch.equal(p_NC, same_p_NC)  # what was said of the validation clips was said before the refit
    assert torch.equal(plain.probabilities(x[:6]), p_NC)
    assert not torch.equal(with_refit.probabilities(x[:6]), p_NC)
    x[0] = x[0] + 5  # a validation clip: it must not reach what was trained without it
    other, *_ = train_model("rnn", x, y, val, without, BACKBONE)
    assert torch.equal(other.streams.mean, plain.streams.mean)
