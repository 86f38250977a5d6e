"""What a model says on a stream is what it says of a clip: of the last steps, of which a stated rule says how many."""

import numpy as np
import pytest
import torch

from vidseq.models import build_head
from vidseq.models.trained_model import TrainedModel, build_preprocessing

INPUTS = ["rgb", "rgb_delta", "rgb_deviation", "diff", "diff_delta", "diff_deviation"]


def make(name: str, inputs: list[str], median_steps: int = 8, **rnn) -> TrainedModel:
    settings = {
        "preprocessing": {"inputs": inputs, "lag": 3, "pca_components": 4},
        "model": {"layers": 2, "dim": 16, "dropout": 0.2},
        "rnn": {"cell": "gru", "bidirectional": False} | rnn,
        "transformer": {"heads": 2, "positions": "sinusoidal", "pooling": "max"},
    }
    config = {"head": name, "classes": ["A", "B", "C"], "feature_dim": 8, "median_steps": median_steps}
    config |= {"features": {"image_types": ["rgb", "diff"]}, "settings": settings}
    torch.manual_seed(0)
    preprocessing = build_preprocessing(config).fit([torch.randn(9, 8) for _ in range(8)], seed=0)
    return TrainedModel(preprocessing, build_head(name, preprocessing.dim, 3, settings), config)


def features(steps: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(steps, 8)).astype(np.float16)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("inputs", [*([name] for name in INPUTS), INPUTS], ids=[*INPUTS, "all"])
@pytest.mark.parametrize("window", [2, 8, 64])
def test_after_every_step_the_answer_is_the_offline_one(cell, inputs, window):
    model, x_TD = make("rnn", inputs, cell=cell), features(40)
    stream = model.stream(window)
    for n in range(40):
        start = max(0, (n // (window // 2) - 1) * (window // 2))
        expected = model.probabilities([x_TD[start : n + 1]])[0]
        np.testing.assert_allclose(stream.push(x_TD[n]), expected, atol=1e-5, rtol=0)
        assert stream.seen == n + 1 - start
        assert len(stream.parts) <= 2


def test_what_is_longer_ago_than_a_window_is_forgotten():
    model, x_TD, other_TD = make("rnn", INPUTS), features(40), features(40)
    other_TD[:20] += 5
    answers = []
    for of_stream in (x_TD, other_TD):
        stream = model.stream(16)
        answers.append(np.array([stream.push(x_D) for x_D in of_stream]))
    assert np.abs(answers[0] - answers[1]).max(1)[:32].min() > 1e-3
    np.testing.assert_array_equal(answers[0][32:], answers[1][32:])  # the part that begins at step 24


@pytest.mark.parametrize("median_steps", [1, 8, 9])
def test_by_default_the_window_is_as_long_as_the_median_clip_of_training(median_steps):
    model, x_TD = make("rnn", INPUTS, median_steps), features(median_steps)
    stream = model.stream()
    *_, last = (stream.push(x_D) for x_D in x_TD)
    np.testing.assert_allclose(last, model.probabilities([x_TD])[0], atol=1e-5, rtol=0)
    assert stream.seen == median_steps


@pytest.mark.parametrize(("name", "rnn"), [("rnn", {"bidirectional": True}), ("transformer", {})])
@pytest.mark.parametrize("window", [1, 5, 64])
def test_any_other_model_reads_the_last_window_anew(name, rnn, window):
    model, x_TD = make(name, INPUTS, **rnn), features(20)
    assert not model.causal
    stream = model.stream(window)
    for n in range(20):
        answer = stream.push(x_TD[n])
        assert stream.seen == min(n + 1, window)
        expected = model.probabilities([x_TD[max(0, n + 1 - window) : n + 1]])[0]
        np.testing.assert_allclose(answer, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("window", [-2, 0, 1, 7])
def test_a_window_has_two_halves(window):
    with pytest.raises(ValueError, match=f"window = {window}: it must be an even number"):
        make("rnn", INPUTS).stream(window)


def test_a_window_has_a_step():
    with pytest.raises(ValueError, match="window = 0: it must be at least one step"):
        make("transformer", INPUTS).stream(0)
