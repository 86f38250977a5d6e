"""An exported model says what the trained one says, through ONNX Runtime, and says so itself."""

import ast
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from conftest import ROOT
from torch import nn

from vidseq import paths
from vidseq.errors import VidseqError
from vidseq.extraction.encode import Job, images, recorded_diff
from vidseq.inference import export
from vidseq.inference.export import write_head, write_step
from vidseq.inference.predict import backbone_of
from vidseq.inference.video_model import VideoModel
from vidseq.models import build_head
from vidseq.models.ensemble import Ensemble
from vidseq.models.layers import pad_left
from vidseq.models.pooling import PoolingHead
from vidseq.models.trained_model import TrainedModel, build_preprocessing, load_model
from vidseq.params import FramesParams
from vidseq.video.sampling import plan_frames

VIDSEQ = (sys.executable, "-m", "vidseq.cli.main")
DIM, CLASSES = 8, ["A", "B", "C"]
VARIANTS = [
    ("pooling", {"unit_length": True}),
    *(("rnn", {"cell": c, "bidirectional": b}) for c, b in itertools.product(("gru", "lstm"), (True, False))),
    *(
        ("transformer", {"heads": 2, "positions": p, "pooling": o})
        for p, o in itertools.product(("sinusoidal", "learned"), ("max", "cls"))
    ),
]
CAUSAL = [settings for _, settings in VARIANTS if settings.get("bidirectional") is False]


def make(name: str, settings: dict) -> TrainedModel:
    """An ensemble with a temperature, small where the exporter takes its time."""
    torch.manual_seed(0)
    preprocessing = {"inputs": ["rgb", "diff_delta", "diff_deviation"], "lag": 2, "pca_components": 4}
    layers = 2 if name == "rnn" else 1
    members = 1 if name == "transformer" and settings["pooling"] == "cls" else 2
    config = {"classes": CLASSES, "feature_dim": DIM, "features": {"image_types": ["rgb", "diff"]}}
    config["settings"] = {"preprocessing": preprocessing, "model": {"layers": layers, "dim": 8, "dropout": 0.1}}
    config["settings"][name] = settings
    if name == "pooling":
        head = PoolingHead(DIM, len(CLASSES), **settings)
        head.mean.normal_()
        return TrainedModel(nn.Identity(), head.eval(), config)
    fitted = build_preprocessing(config).fit([torch.randn(9, DIM) for _ in range(4)], seed=0)
    ensemble = Ensemble(build_head(name, fitted.dim, len(CLASSES), config["settings"]) for _ in range(members))
    ensemble.temperature.fill_(0.2)
    return TrainedModel(fitted, ensemble.eval(), config)


def clips(*lengths: int) -> list[np.ndarray]:
    rng = np.random.default_rng(sum(lengths))
    return [rng.normal(size=(length, DIM)).astype(np.float16) for length in lengths]


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_on_padded_batches_of_any_size_a_head_says_what_pytorch_says(name, settings, tmp_path):
    model = make(name, settings)
    write_head(model, tmp_path / "head.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "head.onnx")
    for lengths in ((1,), (6,), (1, 7, 32), (40, 1, 2, 9)):
        batch = clips(*lengths)
        x_BTD, mask_BT = pad_left([torch.from_numpy(clip.astype(np.float32)) for clip in batch])
        x_BTD = torch.where(mask_BT[:, :, None], x_BTD, 7.0)  # what is in the padding takes no part
        [p_BC] = session.run(None, {"features": x_BTD.numpy(), "mask": mask_BT.numpy()})
        np.testing.assert_allclose(p_BC, model.probabilities(batch), atol=1e-4, rtol=0)
    assert {use.domain for use in onnx.load(tmp_path / "head.onnx").opset_import} == {""}  # no custom operators


@pytest.mark.parametrize("settings", CAUSAL)
def test_step_by_step_a_causal_rnn_says_on_every_prefix_what_pytorch_says(settings, tmp_path):
    model = make("rnn", settings)
    write_step(model, tmp_path / "step.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "step.onnx")
    (first, second), names = clips(12, 7), [value.name for value in session.get_inputs()][1:]
    # two streams at once, of which the second begins five steps later
    streams = {0: first, 5: second}
    states: dict[int, list[np.ndarray]] = {}
    for now in range(12):
        running = [begun for begun in streams if begun <= now]
        for begun in running:
            states.setdefault(begun, [np.zeros(shape(value), kind(value)) for value in session.get_inputs()[1:]])
        state = [np.concatenate(parts) for parts in zip(*(states[begun] for begun in running), strict=True)]
        x_BD = np.stack([streams[begun][now - begun] for begun in running]).astype(np.float32)
        p_BC, *after = session.run(None, {"features": x_BD, **dict(zip(names, state, strict=True))})
        for row, begun in enumerate(running):
            states[begun] = [values[row : row + 1] for values in after]
            expected_C = model.probabilities([streams[begun][: now - begun + 1]])[0]
            np.testing.assert_allclose(p_BC[row], expected_C, atol=1e-4, rtol=0)
    assert {use.domain for use in onnx.load(tmp_path / "step.onnx").opset_import} == {""}


def shape(value: onnxruntime.NodeArg) -> list[int]:
    return [1, *value.shape[1:]]


def kind(value: onnxruntime.NodeArg) -> str:
    return {"tensor(int64)": "int64", "tensor(float)": "float32"}[value.type]


@pytest.fixture(scope="module")
def exported(repro, once):
    """The causal RNN that the pipeline has trained, exported as docs/export.md has it, and what was printed."""

    def fill(folder):
        shutil.copytree(repro.folder, folder / "vidseq", symlinks=True)
        text = (ROOT / "docs" / "export.md").read_text().partition("## ")[0]
        commands = re.findall(r"^\$ (.+)$", text, re.MULTILINE)
        assert [command.split()[:2] for command in commands] == [
            ["vidseq", "export"],
            ["python", "exported/selftest.py"],
        ]
        log = [run(repro, folder / "vidseq", command) for command in commands]
        (folder / "log").write_text("".join(log))

    return once("exported", fill)


def run(repro, cwd, command: str) -> str:
    words = command.split()
    words = [*VIDSEQ, *words[1:]] if words[0] == "vidseq" else [sys.executable, *words[1:]]
    done = subprocess.run(words, cwd=cwd, env=environment(repro, cwd), text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def environment(repro, cwd) -> dict[str, str]:
    return repro.env | {"PYTHONPATH": ":".join([str(cwd / "src"), *filter(None, sys.path)])}


def test_from_decoded_frames_on_it_says_what_the_pipeline_says(repro, exported, converted):
    out, model = exported / "vidseq" / "exported", load_model(repro.folder / "models" / "rnn_causal")
    backbone, _ = backbone_of(model, converted)
    assert (out / "README.md").read_text() == (repro.folder / "model_cards" / "rnn_causal.md").read_text()
    pipeline = json.loads((out / "pipeline.json").read_text())
    assert pipeline["head"]["temperature"] == model.head.temperature.item() != 1
    cnn, head = (onnxruntime.InferenceSession(out / f"{name}.onnx") for name in ("backbone", "head"))
    assert {use.domain for use in onnx.load(out / "backbone.onnx").opset_import} == {""}
    table = pd.read_csv(repro.folder / "data" / "clips.csv")
    files = [repro.folder / "data" / "clips" / path for path in table[table.split == "test"].path[::5]]
    expected = VideoModel(repro.folder / "models" / "rnn_causal", cache_dir=converted).predict_all(files)
    for file, prediction in zip(files, expected, strict=True):
        times, _ = plan_frames(file, FramesParams(**model.config["frames"]))
        job = Job("clip", file, times.tolist(), diff=recorded_diff(model.config["features"]))
        of_clip = list(images(job, backbone.transform))
        [features_TD] = cnn.run(None, {"rgb": np.stack(of_clip[::2]), "diff": np.stack(of_clip[1::2])})
        np.testing.assert_array_equal(features_TD, features_TD.astype(np.float16))
        [p_1C] = head.run(None, {"features": features_TD[None], "mask": np.ones((1, len(times)), bool)})
        expected_C = [prediction.probabilities[label] for label in model.classes]
        np.testing.assert_allclose(p_1C[0], expected_C, atol=1e-3, rtol=0)


def test_the_self_test_needs_onnxruntime_and_numpy_and_notices_another_answer(repro, exported, tmp_path):
    assert (exported / "log").read_text().count(": ok,") == 2 * 3
    out = shutil.copytree(exported / "vidseq" / "exported", tmp_path / "out")
    tree = ast.parse((out / "selftest.py").read_text())
    imported = {node.names[0].name for node in ast.walk(tree) if isinstance(node, ast.Import)}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}
    stored = dict(np.load(out / "selftest.npz"))
    stored["probabilities"][0, 0] += 0.01
    np.savez(out / "selftest.npz", **stored)
    env = environment(repro, exported / "vidseq")
    done = subprocess.run([sys.executable, "selftest.py"], cwd=out, env=env, text=True, capture_output=True)
    assert done.returncode == 1
    assert "head.onnx: FAILED, largest difference 1.0e-02" in done.stdout


def test_the_example_of_the_documentation_says_what_vidseq_predict_says(repro, exported, converted, tmp_path):
    (tmp_path / "example.py").write_text(
        re.search(r"```python\n(.+?)```", (ROOT / "docs" / "export.md").read_text(), re.DOTALL)[1]
    )
    video = repro.folder / "data" / "clips" / pd.read_csv(repro.folder / "data" / "clips.csv").path[0]
    command = [sys.executable, tmp_path / "example.py", exported / "vidseq" / "exported", video]
    printed = subprocess.check_output(command, env=environment(repro, exported / "vidseq"), text=True)
    found = dict(line.split() for line in printed.splitlines())
    expected = VideoModel(repro.folder / "models" / "rnn_causal", cache_dir=converted).predict(video)
    assert {label: float(p) for label, p in found.items()} == pytest.approx(expected.probabilities, abs=0.02)


def test_a_models_card_is_that_of_its_own_project(tmp_path, monkeypatch):
    (tmp_path / "models" / "rnn").mkdir(parents=True)
    card = tmp_path / "model_cards" / "rnn.md"
    assert export.card_of(tmp_path / "models" / "rnn") == card
    monkeypatch.chdir(tmp_path / "models" / "rnn")
    assert export.card_of(Path()) == card


def test_what_exists_is_not_overwritten(tmp_path):
    with pytest.raises(VidseqError, match="exists already: remove it, or name another folder"):
        export.export_model(tmp_path, tmp_path)


def test_without_the_extra_one_line_names_it(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    with pytest.raises(VidseqError, match=r"install vidseq\[onnx\]"):
        export.export_model(paths.MODELS / "rnn", tmp_path / "out")
