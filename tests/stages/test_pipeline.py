"""The pipeline as a user runs it: real commands, on a small demo, in a clone without git identity or cache."""

import json
import subprocess
import time

import pandas as pd
import pytest
from conftest import Project
from PIL import Image

TRAIN = ["train_rnn", "train_rnn_causal", "train_transformer"]
AFTER = ["evaluate", "model_cards", "explain", "report"]
STAGES = ["download", "sample_frames", "extract_features", *TRAIN, "train_baseline", *AFTER, "exploding_gradients"]
MODELS = ["rnn", "rnn_causal", "transformer", "baseline"]


def read(project: Project, name: str) -> dict:
    return json.loads((project.folder / name).read_text())


def test_repro_runs_every_stage_and_leaves_what_the_readme_names(repro):
    assert sorted(repro.ran(repro.log)) == sorted(STAGES)
    clips = pd.read_csv(repro.folder / "data" / "clips.csv")
    assert list(clips.columns) == ["clip", "path", "start", "end", "label", "group", "split", "sha256"]
    assert len(clips) == 8 * 2 * 5
    assert (clips.groupby("group").split.nunique() == 1).all()
    for path in clips.path:
        assert (repro.folder / "data" / "clips" / path).is_file()
    sheets = (repro.folder / "data" / "contact_sheets").iterdir()
    assert sorted(sheet.stem for sheet in sheets) == sorted(clips.label.unique())
    report = read(repro, "metrics/evaluation.json")
    assert set(report) == {"models", "comparisons", "order", "half_rate", "alarm", "online", "test"}
    assert set(report["models"]) == set(MODELS)
    test = read(repro, "metrics/test.json")
    for name in MODELS:
        of_model = report["models"][name]
        assert 0 <= of_model["f1"] <= 1
        assert set(of_model["per_class"]) == set(clips.label)
        assert test[name] == {key: of_model[key] for key in ("accuracy", "precision", "recall", "f1", "log_loss")}
        predictions = pd.read_csv(repro.folder / "data" / "predictions" / f"{name}.csv")
        assert len(predictions) == (clips.split == "test").sum()
        assert ((predictions[sorted(clips.label.unique())].sum(axis=1) - 1).abs() < 1e-4).all()
        assert (predictions.label == predictions.predicted).mean() == pytest.approx(of_model["accuracy"])
        low, high = of_model["intervals"]["accuracy"]
        assert low <= of_model["accuracy"] <= high
        assert (repro.folder / "plots" / "confusion" / f"{name}.png").stat().st_size > 1000
    assert report["alarm"]["class"] in set(clips.label)
    causal = read(repro, "models/rnn_causal/model.json")
    assert causal["settings"]["rnn"]["bidirectional"] is False
    exploding = read(repro, "metrics/exploding_gradients.json")["runs"]
    assert [run["loss_fell"] for run in exploding.values()] == [False, True, True, True, True]
    strips = read(repro, "data/film_strips/index.json")
    assert 1 <= len(strips["explained"]) <= 3
    for clip in strips["strips"].values():
        assert (repro.folder / "data" / "film_strips" / clip["file"]).is_file()
    assert (repro.folder / "report" / "report.pdf").read_bytes().startswith(b"%PDF-")
    page = (repro.folder / "report" / "report.html").read_text()
    assert f"{100 * report['models']['rnn']['accuracy']:.1f} %" in page
    assert repro.run("git", "rev-parse", "HEAD~1").strip() in page  # the commit of the code that ran
    # two epochs on so few clips are too few to learn from, which is said, and nothing else
    expected = ("no file hash info", "has learned nothing")
    warnings = [line for line in repro.log.lower().splitlines() if "warning" in line]
    assert [line for line in warnings if not any(text in line for text in expected)] == []


def test_a_second_repro_does_nothing(repro):
    assert repro.ran(repro.run("dvc", "repro", "--dry")) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("params.yaml", "cell: gru", "cell: lstm", {"train_rnn", "train_rnn_causal", "report"}),
        ("params.yaml", "pooling: max", "pooling: cls", {"train_transformer", "report"}),
        ("params.yaml", "layers: 2", "layers: 1", {*TRAIN, "report"}),
        ("params.yaml", "backbone: tf_efficientnet_lite0", "backbone: resnet18", {"extract_features", "report"}),
        ("params.yaml", "max_frames: 32", "max_frames: 8", {"sample_frames", *TRAIN, "train_baseline", "report"}),
        ("params.yaml", "shuffle_seed: 0", "shuffle_seed: 1", {"evaluate", "report"}),
        ("params.yaml", "min_recall: 0.9", "min_recall: 0.5", {"evaluate", "report"}),
        ("params.yaml", "language: en", "language: el", {"report"}),
        ("versions.yaml", "timm: [", 'timm: ["9", ', {"extract_features"}),
        ("versions.yaml", "pytorch-lightning: [", 'pytorch-lightning: ["9", ', {*TRAIN, "exploding_gradients"}),
        ("versions.yaml", "torch: [", 'torch: ["9", ', set(STAGES) - {"download", "sample_frames", "model_cards"}),
        ("versions.yaml", "ruff: [", 'ruff: ["9", ', set()),
        ("src/vidseq/models/trained_model.py", "FORMAT = 5", "FORMAT = 6", set(STAGES[3:]) - {"model_cards"}),
        ("src/vidseq/files.py", "ABANDONED_S = 24", "ABANDONED_S = 48", set()),
    ],
)
def test_a_change_is_seen_by_the_stages_that_depend_on_it_alone(project, file, old, new, expected):
    path = project.folder / file
    lines = [
        line.replace(old, new) if line.lstrip().startswith(old) else line for line in path.read_text().splitlines()
    ]
    assert "\n".join(lines) != path.read_text().rstrip("\n")
    path.write_text("\n".join(lines) + "\n")
    assert set(project.ran(project.run("dvc", "repro", "--dry"))) == expected  # dry: without what follows from outs


def test_curves_can_be_shown_during_a_training(project):
    project.replace("params.yaml", "epochs: 2\n", "epochs: 200\n")
    project.replace("params.yaml", "patience: 8 ", "patience: 200 ")
    curves = project.folder / "plots" / "curves_rnn.csv"
    curves.unlink()
    stage = subprocess.Popen(
        ("python", "-m", "stages.train_head", "rnn"), cwd=project.folder, env=project.env, stderr=subprocess.DEVNULL
    )
    try:
        while not curves.exists():
            assert stage.poll() is None
            time.sleep(0.05)
        for _ in range(20):
            assert 1 <= len(pd.read_csv(curves)) < 200  # whole at any time
        assert "index.html" in project.run("dvc", "plots", "show")
        assert stage.poll() is None
    finally:
        stage.kill()
        stage.wait()


def test_a_crop_reaches_all_that_shows_or_computes_with_frames(project):
    project.replace("params.yaml", "crop: null", "crop: [0.25, 0, 0.5, 1]")
    changed = json.loads(project.run("dvc", "status", "--json"))
    assert {"sample_frames", "extract_features", "explain", *TRAIN} <= set(changed)
    folder = project.folder / "data" / "contact_sheets"
    whole = {sheet.name: Image.open(sheet).size for sheet in folder.iterdir()}
    project.run("python", "-m", "stages.sample_frames")
    for sheet in folder.iterdir():
        wide, high = whole[sheet.name]
        frames = wide // (120 + 2)  # thumbnails and the gaps between them
        assert Image.open(sheet).size == (wide - 60 * frames, high)
