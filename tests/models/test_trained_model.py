import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vidseq.errors import VidseqError
from vidseq.models import build_head, trained_model
from vidseq.models.ensemble import Ensemble
from vidseq.models.thresholds import probabilities
from vidseq.models.trained_model import FORMAT, TrainedModel, build_preprocessing, load_model, read_config

SETTINGS = {
    "rnn": {"cell": "lstm", "bidirectional": False},
    "transformer": {"heads": 2, "positions": "learned", "pooling": "cls"},
}


def make(name: str) -> TrainedModel:
    model = {"layers": 2, "dim": 16, "dropout": 0.1}
    preprocessing = {"inputs": ["rgb", "diff_delta"], "lag": 2, "pca_components": 4}
    config = {
        "head": name,
        "ensemble": 1,
        "classes": ["A", "B", "Γ"],
        "feature_dim": 8,
        "median_steps": 8,
        "settings": {"preprocessing": preprocessing, "model": model, name: SETTINGS[name]},
        "frames": {"strategy": "fps", "fps": 4.0, "max_frames": 32, "crop": None},
        "features": {
            "name": "tf_efficientnet_lite0",
            "weights": "5ebb",
            "transform": {"input_size": [3, 224, 224]},
            "engine": "openvino",
            "precision": "fp32",
            "device": "cpu",
            "kernel": None,
            "diff": {"seconds": 0.25, "size": 160},
            "image_types": ["rgb", "diff"],
        },
        "versions": {"torch": "2.15.0"},
    }
    torch.manual_seed(0)
    fitted = build_preprocessing(config).fit([torch.randn(9, 8) for _ in range(4)], seed=0)
    return TrainedModel(fitted, Ensemble([build_head(name, fitted.dim, 3, config["settings"])]), config)


@pytest.fixture
def folder(tmp_path):
    make("rnn").save(tmp_path)
    return tmp_path


def test_it_computes_in_one_thread_and_leaves_the_others_to_the_caller():
    """A second thread of the head would spin beside the CNN, which is at the next file."""
    model, seen = make("rnn"), set()
    model.head.register_forward_hook(lambda *_: seen.add(torch.get_num_threads()))
    model.preprocessing.register_forward_hook(lambda *_: seen.add(torch.get_num_threads()))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model.probabilities([np.ones((5, 8), np.float16)])
        assert (seen, torch.get_num_threads()) == ({1}, 2)
    finally:
        torch.set_num_threads(before)


def refused(folder, message: str) -> None:
    with pytest.raises(VidseqError, match=message) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_model_is_one_folder_without_pickle(tmp_path, name, monkeypatch):
    monkeypatch.setattr(trained_model, "BATCH_SIZE", 3)
    trained = make(name)
    clips = [np.random.default_rng(steps).normal(size=(steps, 8)).astype(np.float16) for steps in (3, 1, 9, 4)]
    trained.save(tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["model.json", "model.safetensors"]

    loaded = load_model(tmp_path)
    assert loaded.classes == ["A", "B", "Γ"]
    p_NC = probabilities(loaded.logits(clips))
    assert p_NC.dtype == np.float64
    np.testing.assert_array_equal(p_NC, probabilities(trained.logits(clips)))
    np.testing.assert_allclose(p_NC.sum(1), np.ones(4), rtol=1e-5)
    for row, clip in enumerate(clips):  # padding and the rest of the batch change nothing
        np.testing.assert_allclose(loaded.probabilities([clip])[0], p_NC[row], atol=1e-5, rtol=0)
    full = loaded.logits([clip.astype(np.float32) for clip in clips])
    np.testing.assert_array_equal(probabilities(full), p_NC)
    assert loaded.probabilities([]).shape == (0, 3)


def test_the_config_is_read_without_the_weights_and_names_its_format(folder):
    (folder / "model.safetensors").unlink()
    assert read_config(folder) == {"format": FORMAT, **make("rnn").config}


def test_a_loaded_model_is_saved_as_it_was(folder, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    load_model(folder).save(again)
    for name in ("model.json", "model.safetensors"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_a_folder_without_a_model_says_so(tmp_path):
    with pytest.raises(VidseqError, match=r"holds no trained model \(model\.json is missing\)"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_missing_file_ends_in_one_line(folder, name):
    (folder / name).unlink()
    refused(folder, rf"holds no trained model \({re.escape(name)} is missing\)")


@pytest.mark.parametrize("found", [None, 1, FORMAT + 1, "2"])
def test_a_model_of_another_format_or_of_none_ends_in_one_line(folder, found):
    config = read_config(folder) | {"format": found}
    if found is None:
        del config["format"]  # a folder from before there was a format
    (folder / "model.json").write_text(json.dumps(config))
    refused(folder, rf"format {found}, but this version reads format {FORMAT}: train it again")


@pytest.mark.parametrize("damage", [b"", b'{"format": 2, "head"', b"[2]", b"\xff\xfe\x00"])
def test_a_damaged_config_ends_in_one_line(folder, damage):
    (folder / "model.json").write_bytes(damage)
    refused(folder, "not valid JSON|reads format")


@pytest.mark.parametrize("left", [0, 4, 500, -100])
def test_damaged_weights_end_in_one_line(folder, left):
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:left])
    refused(folder, r"model\.safetensors cannot be read: ")


def drop(key: str):
    def change(config: dict) -> None:
        *sections, last = key.split(".")
        for section in sections:
            config = config[section]
        del config[last]

    return change


def put(key: str, value: object):
    def change(config: dict) -> None:
        *sections, last = key.split(".")
        for section in sections:
            config = config[section]
        config[last] = value

    return change


KEYS = [*make("rnn").config, "settings.model", "settings.rnn.cell", "frames.fps", "features.name", "features.diff"]
TAMPERED = [
    *((drop(key), re.escape(key)) for key in KEYS),
    (put("head", "mlp"), "head = 'mlp': should be rnn or transformer or pooling"),
    (put("head", ["rnn"]), "head = "),
    (put("head", "transformer"), r"settings\.transformer: Field required"),
    (put("classes", "ABC"), "classes: should be a valid list"),
    (put("classes", []), "classes: "),
    (put("classes", ["A", "B", "unknown"]), "a class is called unknown"),
    (put("classes", ["A", "B"]), "not of the model that model.json describes"),  # a class too few
    (put("feature_dim", 9), "feature_dim is no multiple"),
    (put("feature_dim", 16), "not of the model"),
    (put("settings.model.dim", 32), "not of the model"),
    (put("settings.model.dim", 10**9), "not of the model"),  # no memory for that
    (put("settings.model.layrs", 1), r"settings\.model\.layrs: Extra inputs"),
    (put("features.diff", None), "contradict"),
    (put("settings.preprocessing.inputs", ["motion"]), r"settings\.preprocessing\.inputs\.0: should be 'rgb'"),
]


@pytest.mark.parametrize(("change", "message"), TAMPERED)
def test_a_tampered_config_ends_in_one_line_that_names_what_is_wrong(folder, change, message):
    config = json.loads((folder / "model.json").read_text())
    change(config)
    (folder / "model.json").write_text(json.dumps(config))
    refused(folder, message)


def test_a_config_of_endless_brackets_ends_in_one_line(folder):
    (folder / "model.json").write_text("[" * 100_000)
    refused(folder, "not valid JSON")


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_folder_instead_of_a_file_and_a_file_instead_of_the_folder_end_in_one_line(folder, name):
    path = folder / name
    path.unlink()
    path.mkdir()
    refused(folder, rf"model\.{path.suffix[1:]}")
    refused(folder / "made.json", "holds no trained model")
    (folder / "file").write_text("")
    refused(folder / "file", "holds no trained model")


def test_weights_of_something_else_end_in_one_line(folder):
    save_file({"layer.weight": torch.zeros(3)}, folder / "model.safetensors")
    refused(folder, "not of the model that model.json describes")
