"""The committed results of the default run: they are of this code, and show that order carries meaning."""

import json
import re
import shutil

import numpy as np
import pandas as pd
from conftest import ROOT
from scipy.stats import binom

PAIR = ("RaiseThenSquat", "SquatThenRaise")  # each other's time reversal


def test_the_committed_run_is_of_this_code(fresh_project):
    project = fresh_project(small=False, prepared=False)
    shutil.copyfile(ROOT / "dvc.lock", project.folder / "dvc.lock")
    for name in ("metrics", "plots"):
        shutil.copytree(ROOT / name, project.folder / name)
    ran = project.ran(project.run("dvc", "repro", "--allow-missing", "--dry"))
    assert ran == [], "dvc.lock, metrics/ and plots/ are of other code: run `make repro` and commit them"


def test_the_heads_use_the_order_of_frames_that_the_baseline_ignores():
    report = json.loads((ROOT / "metrics" / "evaluation.json").read_text())["models"]
    pair = [report["baseline"]["per_class"][label] for label in PAIR]
    clips, found = sum(row["support"] for row in pair), sum(row["recall"] * row["support"] for row in pair)
    assert found <= binom.ppf(0.99, clips, 0.5)  # without order it is a guess
    early = pd.read_csv(ROOT / "plots" / "early.csv").set_index(["model", "fraction"]).accuracy
    for name in ("rnn", "transformer"):
        assert report[name]["accuracy"] >= report["baseline"]["accuracy"] + 0.15
        assert report[name]["accuracy_shuffled"] <= report[name]["accuracy"] - 0.10
        assert min(report[name]["per_class"][label]["recall"] for label in PAIR) >= 0.7
        assert early[name, 0.1] <= 0.5
        assert early[name, 0.5] <= early[name, 1.0] - 0.10


def test_the_readme_has_the_numbers_of_the_committed_run():
    models = json.loads((ROOT / "metrics" / "evaluation.json").read_text())["models"]
    names = ("baseline", "rnn", "rnn_causal", "transformer")
    pair = [np.mean([models[name]["per_class"][label]["recall"] for label in PAIR]) for name in names]
    rows = re.findall(r"^\| [^|]+ \|((?: \d\.\d{3} \|){4})$", (ROOT / "README.md").read_text(), re.MULTILINE)
    shown = [[float(cell) for cell in row.split("|")[:4]] for row in rows]
    assert shown[0] == [round(models[name]["accuracy"], 3) for name in names]
    assert shown[1] == [round(models[name]["accuracy_shuffled"], 3) for name in names]
    assert shown[2] == [round(value, 3) for value in pair]
