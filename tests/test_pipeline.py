"""The pipeline as a user runs it: real commands, on a small demo, in a clone without git identity or cache."""

import json

import pandas as pd
import pytest
from ruamel.yaml import YAML
from safetensors import safe_open

HEADS = ["train_rnn", "train_rnn_causal", "train_transformer"]
AFTER = ["evaluate", "explain", "report"]
STAGES = ["download", "sample_frames", "extract_features", *HEADS, *AFTER, "exploding"]
MODELS = ["rnn", "rnn_causal", "transformer", "baseline"]


def evaluation(project) -> dict:
    return json.loads((project.folder / "metrics" / "evaluation.json").read_text())


@pytest.fixture(autouse=True)
def restored(repro):
    """Bring the project back to its first run after a test that changes it; all it takes is in the cache."""
    yield
    repro.run("git", "checkout", "-q", "--", ".")
    repro.run("dvc", "repro")


def test_repro_runs_every_stage_and_leaves_what_the_readme_names(repro):
    assert sorted(repro.ran(repro.log)) == sorted(STAGES)
    clips = pd.read_csv(repro.folder / "data" / "clips.csv")
    assert list(clips.columns) == ["clip", "path", "label", "group", "split"]
    assert len(clips) == 8 * 2 * 5
    assert (clips.groupby("group").split.nunique() == 1).all()
    for path in clips.path:
        assert (repro.folder / "data" / "clips" / path).is_file()
    sheets = (repro.folder / "data" / "contact_sheets").iterdir()
    assert sorted(sheet.stem for sheet in sheets) == sorted(clips.label.unique())
    report = evaluation(repro)
    assert set(report) == {*MODELS, "comparisons", "order", "alarm", "test"}
    for name in MODELS:
        assert 0 <= report[name]["f1_macro"] <= 1
        assert set(report[name]["per_class"]) == set(clips.label)
        predictions = pd.read_csv(repro.folder / "data" / "predictions" / f"{name}.csv")
        assert len(predictions) == (clips.split == "test").sum()
        assert ((predictions[sorted(clips.label.unique())].sum(axis=1) - 1).abs() < 1e-4).all()
        assert (predictions.label == predictions.predicted).mean() == pytest.approx(report[name]["accuracy"])
        low, high = report[name]["intervals"]["accuracy"]
        assert low <= report[name]["accuracy"] <= high
    for name in ("rnn", "transformer", "baseline"):
        assert (repro.folder / "plots" / f"confusion_{name}.png").stat().st_size > 1000
    assert report["alarm"]["class"] in set(clips.label)
    causal = json.loads((repro.folder / "models" / "rnn_causal" / "model.json").read_text())
    assert causal["settings"]["rnn"]["bidirectional"] is False
    exploding = json.loads((repro.folder / "metrics" / "exploding.json").read_text())["runs"]
    assert [run["loss_fell"] for run in exploding.values()] == [False, True, True, True, True]
    strips = json.loads((repro.folder / "data" / "film_strips" / "index.json").read_text())
    assert 1 <= len(strips["explained"]) <= 3
    for clip in strips["strips"].values():
        assert (repro.folder / "data" / "film_strips" / clip["file"]).is_file()
    assert (repro.folder / "report" / "report.pdf").read_bytes().startswith(b"%PDF-")
    page = (repro.folder / "report" / "report.html").read_text()
    assert f"{100 * report['rnn']['accuracy']:.1f} %" in page
    assert repro.run("git", "rev-parse", "HEAD~1").strip() in page  # the commit of the code that ran
    assert "warning" not in repro.log.lower().replace("warning: no file hash info", "")


def test_a_second_repro_does_nothing(repro):
    assert repro.ran(repro.run("dvc", "repro")) == []


def test_an_experiment_with_three_layers_reruns_heads_and_evaluation_alone(repro):
    log = repro.run("dvc", "exp", "run", "-S", "model.layers=3")
    assert sorted(repro.ran(log)) == sorted([*HEADS, *AFTER])
    for name, key in (("rnn", "head.rnn.weight_ih_l2"), ("transformer", "head.encoder.layers.2.linear1.weight")):
        with safe_open(repro.folder / "models" / name / "model.safetensors", "pt") as weights:
            assert key in weights.keys()  # noqa: SIM118 (safe_open is no mapping)
            assert key.replace("l2", "l3").replace("layers.2", "layers.3") not in weights.keys()  # noqa: SIM118
        card = json.loads((repro.folder / "models" / name / "model.json").read_text())
        assert card["settings"]["model"]["layers"] == 3
    changed = json.loads(repro.run("dvc", "metrics", "diff", "--json"))
    assert "parameters" in changed["metrics/train_rnn.json"]
    assert "index.html" in repro.run("dvc", "plots", "show")
    page = (repro.folder / "dvc_plots" / "index.html").read_text()
    for curve in ("val_loss", "grad_norm", "confusion_rnn"):
        assert curve in page


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("cell: gru", "cell: lstm", {"train_rnn", "train_rnn_causal"}),
        ("pooling: max", "pooling: cls", {"train_transformer"}),
        ("layers: 2", "layers: 1", set(HEADS)),
        ("backbone: tf_efficientnet_lite0", "backbone: resnet18", {"extract_features"}),
        ("max_steps: 32", "max_steps: 8", {"sample_frames", *HEADS}),
        ("shuffle_seed: 0", "shuffle_seed: 1", {"evaluate"}),
        ("min_recall: 0.9", "min_recall: 0.5", {"evaluate"}),
        ("language: en", "language: el", set()),
    ],
)
def test_a_changed_param_is_seen_by_the_stages_that_read_it_alone(repro, old, new, expected):
    params = repro.folder / "params.yaml"
    assert params.read_text().count(old) == 1
    params.write_text(params.read_text().replace(old, new))
    stages = set(repro.ran(repro.run("dvc", "repro", "--dry")))  # dry: without what follows from their outs
    assert stages == {*expected, "report"}  # which names every param


def test_another_cell_reruns_the_rnn_and_what_follows(repro):
    ran = repro.ran(repro.run("dvc", "exp", "run", "-S", "rnn.cell=lstm"))
    assert sorted(ran) == sorted(["train_rnn", "train_rnn_causal", *AFTER])


def test_a_queued_experiment_uses_its_own_copy_of_the_code(repro):
    metrics = repro.folder / "src" / "vidseq" / "metrics.py"
    planted = "np.full(len(hits_RC), 42.0)"
    changed = metrics.read_text().replace("np.nanmean(_ratio(hits_RC, support_RC, nan), 1)", planted)
    assert changed != metrics.read_text()
    metrics.write_text(changed)
    repro.identify()
    repro.run("dvc", "exp", "run", "--queue", "-n", "planted", "-S", "evaluate.shuffle_seed=7")
    repro.run("git", "checkout", "-q", "--", "src")  # from here on only the queued copy has the change
    repro.run("dvc", "exp", "run", "--run-all")
    shown = json.loads(repro.run("dvc", "exp", "show", "--json", "-n", "1"))
    assert '"balanced_accuracy": 42.0' in json.dumps(shown)
    assert '"balanced_accuracy": 42.0' not in json.dumps(evaluation(repro))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model.layers=two", "error: params.yaml: model.layers = 'two': should be a valid integer"),
        ("model.layers=0", "error: params.yaml: model.layers = 0: should be greater than or equal to 1"),
        ("+model.layrs=3", "error: params.yaml: model.layrs: unknown key, did you mean layers?"),
    ],
)
def test_a_wrong_param_ends_with_one_clear_line(repro, change, message):
    log = repro.run("dvc", "exp", "run", "-S", change, fails=True)
    assert log.count("error: ") == 1
    assert message in log.replace("\n", " ")
    assert (repro.folder / "models" / "rnn" / "model.safetensors").is_file() or "train_rnn" in log


def test_a_small_learning_rate_is_what_it_says(repro):
    before = (repro.folder / "plots" / "curves_rnn.csv").read_text()
    log = repro.run("dvc", "exp", "run", "-S", "train.lr=0.00001", "-S", "train.epochs=1")
    assert sorted(repro.ran(log)) == sorted([*HEADS, *AFTER, "exploding"])
    card = json.loads((repro.folder / "models" / "rnn" / "model.json").read_text())
    assert card["settings"]["train"]["lr"] == 1e-5
    assert (repro.folder / "plots" / "curves_rnn.csv").read_text() != before


def test_twice_from_nothing_gives_the_same_bytes(repro, fresh_project):
    other = fresh_project()
    other.run("dvc", "repro")
    locks = [YAML(typ="safe").load(project.folder / "dvc.lock")["stages"] for project in (repro, other)]
    for lock in locks:
        del lock["report"]["outs"]  # it names the commit, the machine and the times
    assert locks[0] == locks[1]
    names = [f"{d}/{f.name}" for d in ("metrics", "plots") for f in (other.folder / d).iterdir()]
    assert len(names) > 25
    for name in names:
        assert (other.folder / name).read_bytes() == (repro.folder / name).read_bytes(), name
