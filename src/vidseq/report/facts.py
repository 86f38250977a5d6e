"""What the comments say, as numbers: computed from the artifacts, so that no sentence can be stale."""

from collections import Counter

import pandas as pd

from vidseq.report.inputs import ALL, HEADS, Inputs

PAIRS = 3
NEARLY = 0.95  # of the accuracy on whole clips


def compute(inputs: Inputs) -> dict:
    """Return all facts by the section that tells them."""
    evaluation = inputs.evaluation
    return {
        "errors": {name: errors(inputs.predictions[name]) for name in (*HEADS, "baseline")},
        "heads": heads_apart(inputs),
        "verdicts": {name: verdict(test) for name, test in evaluation["comparisons"].items()},
        "order": {name: verdict(test) for name, test in evaluation["order"].items()},
        "early": {name: early(rows) for name, rows in inputs.plots["early"].groupby("model", sort=False)},
        "alarm_reached": {name: reached(evaluation["alarm"], name) for name in ALL},
        "classes": {name: extremes(evaluation[name]["per_class"]) for name in HEADS},
    }


def errors(table: pd.DataFrame) -> dict:
    """Return how many clips are wrong and the pairs of classes that most of the errors are between."""
    wrong = table[table.label != table.predicted]
    pairs = Counter(tuple(sorted(pair)) for pair in zip(wrong.label, wrong.predicted, strict=True))
    first = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:PAIRS]
    return {
        "wrong": len(wrong),
        "clips": len(table),
        "pairs": [{"classes": list(pair), "wrong": n, "share": n / len(wrong)} for pair, n in first],
    }


def heads_apart(inputs: Inputs) -> dict:
    """Return on how many clips the heads are right or wrong together or alone, and where their F1 differs most."""
    right = {name: (t.label == t.predicted).to_numpy() for name, t in inputs.predictions.items()}
    rnn, transformer = right["rnn"], right["transformer"]
    f1 = {name: {c: row["f1"] for c, row in inputs.evaluation[name]["per_class"].items()} for name in HEADS}
    widest = max(inputs.classes, key=lambda label: (abs(f1["rnn"][label] - f1["transformer"][label]), label))
    return {
        "both_right": int((rnn & transformer).sum()),
        "both_wrong": int((~rnn & ~transformer).sum()),
        "only_rnn": int((rnn & ~transformer).sum()),
        "only_transformer": int((~rnn & transformer).sum()),
        "widest_class": widest,
        "widest_f1": {name: f1[name][widest] for name in HEADS},
        "same_f1": all(f1["rnn"][label] == f1["transformer"][label] for label in inputs.classes),
    }


def verdict(test: dict) -> str:
    """Say which model is better (first, second), or `chance` where the interval holds 0, or `unknown` without one."""
    if test["interval"] is None:
        return "unknown"
    low, high = test["interval"]
    return "first" if low > 0 else "second" if high < 0 else "chance"


def early(rows: pd.DataFrame) -> dict:
    """Return the accuracy on the first tenth, half and whole of the clips, and from where it is nearly the last."""
    accuracy = dict(zip(rows.fraction.round(1), rows.accuracy, strict=True))
    nearly = next(fraction for fraction in accuracy if accuracy[fraction] >= NEARLY * accuracy[1.0])
    return {"tenth": accuracy[0.1], "half": accuracy[0.5], "whole": accuracy[1.0], "nearly_from": nearly}


def reached(alarm: dict, name: str) -> bool | None:
    """Return whether the recall on test is the target that the threshold was chosen for on validation."""
    recall = alarm[name]["recall"]
    return None if recall is None else recall >= alarm["min_recall"]


def extremes(per_class: dict) -> dict:
    """Return the classes of the highest and of the lowest F1 among those that have test clips."""
    f1 = {label: row["f1"] for label, row in per_class.items() if row["support"]}
    low, high = min(f1.values()), max(f1.values())
    best, worst = ([label for label in f1 if f1[label] == value] for value in (high, low))
    return {"highest": best, "highest_f1": high, "lowest": worst, "lowest_f1": low}
