"""What the default run must show: that order carries meaning, that the heads use it, and that it takes time to see."""

import json

import pandas as pd
from scipy.stats import binom

PAIR = ("RaiseThenSquat", "SquatThenRaise")  # each other's time reversal


def test_the_heads_use_the_order_of_frames_that_the_baseline_ignores(fresh_project):
    project = fresh_project(small=False)
    project.run("dvc", "repro", "evaluate")
    report = json.loads((project.folder / "metrics" / "evaluation.json").read_text())["models"]
    pair = [report["baseline"]["per_class"][label] for label in PAIR]
    clips, found = sum(row["support"] for row in pair), sum(row["recall"] * row["support"] for row in pair)
    assert found <= binom.ppf(0.99, clips, 0.5)  # without order it is a guess
    early = pd.read_csv(project.folder / "plots" / "early.csv").set_index(["model", "fraction"]).accuracy
    for name in ("rnn", "transformer"):
        assert report[name]["accuracy"] >= report["baseline"]["accuracy"] + 0.15
        assert report[name]["accuracy_shuffled"] <= report[name]["accuracy"] - 0.10
        assert min(report[name]["per_class"][label]["recall"] for label in PAIR) >= 0.7
        assert early[name, 0.1] <= 0.5
        assert early[name, 0.5] <= early[name, 1.0] - 0.10
