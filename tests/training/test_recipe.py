import numpy as np
import pandas as pd
import pytest
import torch

from vidseq.models.preprocessing import Preprocessing
from vidseq.training import recipe
from vidseq.training.pooling import train_pooling
from vidseq.training.recipe import train_model

FEATURE_CONFIG = {"name": "none", "diff": None, "image_types": ["rgb"]}


def clips(count: int, seed: int = 0) -> tuple[list[np.ndarray], list[str]]:
    """Features that rise or fall in time, of four channels."""
    rng = np.random.default_rng(seed)
    features, labels = [], []
    for row in range(count):
        ramp_TD = np.linspace(0, 4, 6 + row % 5)[:, None].repeat(4, 1)
        x_TD = (ramp_TD if row % 2 else ramp_TD[::-1]) + rng.random(ramp_TD.shape)
        features.append(x_TD.astype(np.float16))
        labels.append("rise" if row % 2 else "fall")
    return features, labels


def with_train(params, **changes):
    return params.model_copy(update={"train": params.train.model_copy(update=changes)})


@pytest.fixture
def quick(params):
    inputs = {"inputs": ["rgb", "rgb_delta"], "pca_components": 4}
    changes = {
        "preprocessing": params.preprocessing.model_copy(update=inputs),
        "model": params.model.model_copy(update={"dim": 16, "dropout": 0.0}),
    }
    return with_train(params.model_copy(update=changes), epochs=20, batch_size=8)


@pytest.mark.parametrize("name", ["rnn", "transformer"])
@pytest.mark.parametrize("refit", [True, False])
def test_a_trained_model_knows_the_order_of_frames(name, refit, quick):
    x, y = clips(40)
    training = train_model(name, x, y, np.arange(40) < 8, with_train(quick, refit=refit), FEATURE_CONFIG)
    model = training.model
    assert model.classes == ["fall", "rise"]
    assert len(training.grad_norms) == (5 * 20 if refit else 4 * len(training.curves))  # of the model that comes out
    new, labels = clips(20, seed=1)
    predicted = [model.classes[i] for i in model.probabilities(new).argmax(1)]
    backwards = [model.classes[i] for i in model.probabilities([x_TD[::-1] for x_TD in new]).argmax(1)]
    assert np.mean(np.array(predicted) == labels) > 0.9
    assert np.mean(np.array(backwards) == labels) < 0.1


def test_of_many_clips_some_are_fitted_on_none_of_them_for_validation_and_all_are_trained_on(quick, monkeypatch):
    fitted, fit = [], Preprocessing.fit

    def watched(self, clips, seed):
        fitted.extend(clips)
        return fit(self, fitted, seed)

    monkeypatch.setattr(Preprocessing, "fit", watched)
    monkeypatch.setattr(recipe, "FIT_CLIPS", 8)
    x, y = clips(40)
    model = train_model("rnn", x, y, np.arange(40) < 16, quick, FEATURE_CONFIG).model
    rows = [row for x_TD in fitted for row in range(40) if np.array_equal(x[row], x_TD)]
    assert len(rows) == 8
    assert min(rows) >= 16
    right = [model.classes[i] == label for i, label in zip(model.probabilities(x).argmax(1), y, strict=True)]
    assert np.mean(right) > 0.9


def test_only_the_refit_has_seen_the_validation_clips(quick):
    x, y = clips(24)
    val_N = np.arange(24) < 6
    with_refit = train_model("rnn", x, y, val_N, quick, FEATURE_CONFIG)
    without = with_train(quick, refit=False)
    plain = train_model("rnn", x, y, val_N, without, FEATURE_CONFIG)
    assert with_refit.curves.equals(plain.curves)
    assert not np.array_equal(with_refit.model.probabilities(x[:6]), plain.model.probabilities(x[:6]))
    x[0] = x[0] + 5  # a validation clip: it must not reach what was trained without it
    other = train_model("rnn", x, y, val_N, without, FEATURE_CONFIG)
    assert torch.equal(other.model.preprocessing.mean, plain.model.preprocessing.mean)


def test_the_config_has_all_that_prediction_needs(quick):
    x, y = clips(16)
    training = train_model("rnn_causal", x, y, np.arange(16) < 4, with_train(quick, epochs=1), FEATURE_CONFIG)
    config = training.model.config
    assert config["head"] == "rnn"
    assert config["settings"]["rnn"]["bidirectional"] is False
    assert config["settings"]["model"] == quick.model.model_dump()
    assert config["settings"]["preprocessing"] == quick.preprocessing.model_dump()
    assert config["frames"] == quick.frames.model_dump()
    assert config["features"] == FEATURE_CONFIG
    assert config["feature_dim"] == 4
    assert set(config["versions"]) == {"torch", "timm"}


def test_out_of_fold_logits_are_of_models_that_have_not_seen_the_group(quick, monkeypatch):
    x, y = clips(24)
    table = pd.DataFrame({"label": y, "group": [f"g{n // 4}" for n in range(24)]})
    seen = []

    def train(name, features, labels, *rest, **options):
        seen.append([next(n for n in range(24) if x[n] is x_TD) for x_TD in features])
        return train_model(name, features, labels, *rest, **options)

    monkeypatch.setattr(recipe, "train_model", train)
    out_of_fold, temperature = recipe.cross_fit("rnn", x, table, with_train(quick, epochs=10), FEATURE_CONFIG)
    assert 0.05 < temperature < 20
    assert out_of_fold.logits_NC.shape == (24, 2)
    assert len(seen) == 5
    for known in seen:
        held_out = set(range(24)) - set(known)
        assert held_out
        assert not {n // 4 for n in held_out} & {n // 4 for n in known}
    assert sorted(n for known in seen for n in set(range(24)) - set(known)) == list(range(24))
    assert (out_of_fold.logits_NC.argmax(1) == out_of_fold.y_N).mean() > 0.9


def test_the_model_has_the_temperature_of_its_out_of_fold_logits(quick):
    x, y = clips(24)
    split = ["train"] * 20 + ["val"] * 4
    table = pd.DataFrame({"label": y, "group": [f"g{n // 2}" for n in range(24)], "split": split})
    quick = with_train(quick, epochs=5, ensemble=1)
    training, _ = recipe.train_calibrated("rnn", x, table, quick, FEATURE_CONFIG)
    plain = train_model("rnn", x, y, (table.split == "val").to_numpy(), quick, FEATURE_CONFIG).model
    temperature = training.model.head.get_buffer("temperature").item()
    assert abs(np.log(temperature)) > 0.05
    assert temperature == pytest.approx(recipe.cross_fit("rnn", x, table, quick, FEATURE_CONFIG)[1])
    np.testing.assert_allclose(training.model.logits(x), plain.logits(x) / temperature, rtol=1e-4, atol=1e-5)


def skewed(count: int, seed: int) -> tuple[list[np.ndarray], list[str]]:
    """Clips of which one in twelve is rare, and near the others."""
    rng = np.random.default_rng(seed)
    labels = ["common" if n % 12 else "rare" for n in range(count)]
    x = [(rng.normal(size=(6, 4)) * 3 + 1.2 * (label == "rare")).astype(np.float16) for label in labels]
    return x, labels


@pytest.mark.parametrize("name", ["rnn", "baseline"])
def test_balanced_class_weights_find_more_of_a_rare_class(name, quick):
    x, labels = skewed(240, 0)
    new, expected = skewed(480, 1)
    recall = {}
    for class_weights in ("none", "balanced"):
        params = with_train(quick, class_weights=class_weights, epochs=6, ensemble=1)
        if name == "baseline":
            model = train_pooling(x, labels, [f"g{n // 12}" for n in range(240)], params, FEATURE_CONFIG).model
        else:
            model = train_model(name, x, labels, np.arange(240) % 24 == 0, params, FEATURE_CONFIG).model
        named = np.array([model.classes[i] for i in model.probabilities(new).argmax(1)])
        recall[class_weights] = (named == "rare")[np.array(expected) == "rare"].mean()
    assert recall["balanced"] > recall["none"] + 0.2
