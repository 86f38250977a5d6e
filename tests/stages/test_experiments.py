"""Experiments as a user runs them: dvc exp run, queued ones, wrong params."""

import json
import subprocess
import time

from conftest import Project
from safetensors import safe_open

TRAIN = ["train_rnn", "train_rnn_causal", "train_transformer"]
AFTER = ["evaluate", "model_cards", "explain", "report"]


def read(project: Project, name: str) -> dict:
    return json.loads((project.folder / name).read_text())


def test_an_experiment_with_three_layers_reruns_training_and_evaluation_alone(project):
    log = project.run("dvc", "exp", "run", "-S", "model.layers=3")
    assert sorted(project.ran(log)) == sorted([*TRAIN, *AFTER])
    for name, key in (
        ("rnn", "head.members.0.rnn.weight_ih_l2"),
        ("transformer", "head.members.0.encoder.layers.2.linear1.weight"),
    ):
        with safe_open(project.folder / "models" / name / "model.safetensors", "pt") as weights:
            assert key in weights.keys()  # noqa: SIM118 (safe_open is no mapping)
            assert key.replace("l2", "l3").replace("layers.2", "layers.3") not in weights.keys()  # noqa: SIM118
        assert read(project, f"models/{name}/model.json")["settings"]["model"]["layers"] == 3
    changed = json.loads(project.run("dvc", "metrics", "diff", "--json"))
    assert "parameters" in changed["metrics/train_rnn.json"]
    assert len(json.loads(project.run("dvc", "metrics", "show", "--json"))[""]["data"]) == 5
    assert "index.html" in project.run("dvc", "plots", "show")
    page = (project.folder / "dvc_plots" / "index.html").read_text()
    for curve in ("val_loss", "grad_norm", "confusion/rnn"):
        assert curve in page


def test_two_queued_experiments_run_at_the_same_time_each_with_its_own_copy_of_the_code(project):
    metrics = "src/vidseq/evaluation/metrics.py"
    planted = "np.full(len(clips_R), 42.0)"
    project.replace(metrics, "self.log_loss_R1[:, 0] / clips_R", planted)
    project.identify()
    for name, seed in (("one", 7), ("two", 8)):
        project.run("dvc", "exp", "run", "--queue", "-n", name, "-S", f"evaluate.shuffle_seed={seed}")
    project.run("git", "checkout", "-q", "--", "src")  # from here on only the queued copies have the change
    # it ends when its workers do, and one of two may stay idle for ever: they are told to stop
    start = subprocess.Popen(
        ("dvc", "queue", "start", "-j", "2"), cwd=project.folder, env=project.env,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + 300
    while (status := project.run("dvc", "queue", "status")).count("Success") < 2:
        assert "Failed" not in status, project.run("dvc", "queue", "logs", "one") + project.run(
            "dvc", "queue", "logs", "two"
        )
        assert time.monotonic() < end, status
        time.sleep(1)
    project.run("dvc", "queue", "stop")
    start.wait()
    shown = json.dumps(json.loads(project.run("dvc", "exp", "show", "--json", "-n", "1")))
    assert shown.count('"log_loss": 42.0') >= 2
    assert 42.0 not in (row["log_loss"] for row in read(project, "metrics/test.json").values())


def test_a_wrong_param_ends_with_one_clear_line(project):
    project.identify()  # a run that failed leaves changes
    for change, message in (
        ("model.layers=two", "error: params.yaml: model.layers = 'two': should be a valid integer"),
        ("+model.layrs=3", "error: params.yaml: model.layrs: unknown key, did you mean layers?"),
    ):
        log = project.run("dvc", "exp", "run", "-S", change, fails=True)
        assert log.count("error: ") == 1
        assert message in log.replace("\n", " ")
        assert (project.folder / "models" / "rnn" / "model.safetensors").is_file() or "train_rnn" in log
        project.run("git", "checkout", "-q", "--", ".")


def test_a_small_learning_rate_is_what_it_says(project):
    before = (project.folder / "plots" / "curves_rnn.csv").read_text()
    log = project.run("dvc", "exp", "run", "train_rnn", "-S", "train.lr=0.00001", "-S", "train.epochs=1")
    assert project.ran(log) == ["train_rnn"]
    assert read(project, "models/rnn/model.json")["settings"]["train"]["lr"] == 1e-5
    assert (project.folder / "plots" / "curves_rnn.csv").read_text() != before


def test_training_that_learns_nothing_ends_with_a_warning_in_one_line(project):
    project.replace("params.yaml", "lr: 0.002 ", "lr: 1000000000.0 ")
    log = project.run("python", "-m", "stages.train_head", "rnn")
    (warning,) = [line for line in log.splitlines() if line.startswith("warning: ")]
    assert "rnn has learned nothing" in warning
    assert "train.lr (now 1e+09)" in warning
