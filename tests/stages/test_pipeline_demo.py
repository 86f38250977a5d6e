"""What the default run must show: that order carries meaning, and that the heads use it."""

import json

from scipy.stats import binom


def test_the_heads_use_the_order_of_frames_that_the_baseline_ignores(fresh_project):
    project = fresh_project(small=False)
    project.run("dvc", "repro", "evaluate")
    report = json.loads((project.folder / "metrics" / "evaluation.json").read_text())["models"]
    pair = [report["baseline"]["per_class"][label] for label in ("SitDown", "StandUp")]
    clips, found = sum(row["support"] for row in pair), sum(row["recall"] * row["support"] for row in pair)
    assert found <= binom.ppf(0.99, clips, 0.5)  # each other's time reversal: without order it is a guess
    for name in ("rnn", "transformer"):
        assert report[name]["accuracy"] >= report["baseline"]["accuracy"] + 0.10
        assert report[name]["accuracy_shuffled"] <= report[name]["accuracy"] - 0.05
        pair = [report[name]["per_class"][label]["recall"] for label in ("SitDown", "StandUp")]
        assert min(pair) >= 0.7
