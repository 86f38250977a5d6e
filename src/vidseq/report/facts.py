"""What the comments say, as numbers: computed from the artifacts, so that no sentence can be stale."""

from collections import Counter
from itertools import combinations

import pandas as pd

from vidseq.report.inputs import Inputs

PAIRS = 3
NEARLY = 0.95  # of the accuracy on whole clips


def compute(inputs: Inputs) -> dict:
    """Return all facts by the section that tells them."""
    models, alarm = inputs.evaluation["models"], inputs.evaluation["alarm"]
    return {
        "errors": {name: errors(inputs.predictions[name]) for name in inputs.compared},
        "agreement": [head_agreement(inputs, *pair) for pair in combinations(inputs.main, 2)],
        "early": {name: early(rows) for name, rows in inputs.plots["early"].groupby("model", sort=False)},
        "alarm_reached": {name: reached(alarm["models"][name]["recall"], alarm["min_recall"]) for name in models},
        "classes": {name: extremes(models[name]["per_class"]) for name in inputs.main},
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


def head_agreement(inputs: Inputs, first: str, second: str) -> dict:
    """Return on how many clips two models are right or wrong together or alone, and where their F1 differs most."""
    tables = (inputs.predictions[name] for name in (first, second))
    first_N, second_N = ((table.label == table.predicted).to_numpy() for table in tables)
    first_f1, second_f1 = (
        {label: row["f1"] for label, row in inputs.evaluation["models"][name]["per_class"].items()}
        for name in (first, second)
    )
    widest = max(inputs.classes, key=lambda label: (abs(first_f1[label] - second_f1[label]), label))
    return {
        "first": first,
        "second": second,
        "both_right": int((first_N & second_N).sum()),
        "both_wrong": int((~first_N & ~second_N).sum()),
        "only_first": int((first_N & ~second_N).sum()),
        "only_second": int((~first_N & second_N).sum()),
        "widest_class": widest,
        "first_f1": first_f1[widest],
        "second_f1": second_f1[widest],
        "same_f1": first_f1 == second_f1,
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


def reached(recall: float | None, min_recall: float) -> bool | None:
    """Return whether the recall on test is the target that the threshold was chosen for on validation."""
    return None if recall is None else recall >= min_recall


def extremes(per_class: dict) -> dict:
    """Return the classes of the highest and of the lowest F1 among those that have test clips."""
    f1 = {label: row["f1"] for label, row in per_class.items() if row["support"]}
    low, high = min(f1.values()), max(f1.values())
    best, worst = ([label for label in f1 if f1[label] == value] for value in (high, low))
    return {"highest": best, "highest_f1": high, "lowest": worst, "lowest_f1": low}
