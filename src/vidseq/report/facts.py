"""What the report says, as numbers by name: computed from the artifacts, so that no sentence can be stale."""

from collections import Counter
from itertools import combinations
from typing import Any

import pandas as pd

from vidseq.data.splits import SPLITS
from vidseq.models import MODELS
from vidseq.report.inputs import Inputs

PAIRS = 3
NEARLY = 0.95  # of the accuracy on whole clips
FLAT = 0.95  # of the first validation loss: curves that do not fall below it tell nothing


def compute(inputs: Inputs, words: dict[str, str]) -> dict:
    """Return all that the templates name, as JSON values; `words` has the names of the models in their language."""
    evaluation, clips = inputs.evaluation, inputs.clips
    alarm = evaluation["alarm"] | evaluation["alarm"]["models"][inputs.measured[0]]
    by_class = pd.crosstab(clips.label, clips.split).reindex(columns=list(SPLITS), fill_value=0)
    groups = clips.groupby("label").group.nunique()
    first, last = inputs.main[0], inputs.main[-1]
    return {
        "words": words,
        "params": inputs.params.model_dump(by_alias=True),
        "report": inputs.params.report.model_dump(),
        "classes": inputs.classes,
        "clips": len(clips),
        "groups": clips.group.nunique(),
        "skipped": sum(counts["skipped_clips"] for counts in inputs.counts.values()),
        "splits": [
            {"label": label, **{split: int(row[split]) for split in SPLITS}, "groups": int(groups[label])}
            for label, row in by_class.iterrows()
        ],
        "lengths": {name: float(getattr(inputs.lengths, name)()) for name in ("min", "median", "max", "sum")},
        "features": inputs.feature_config | {"dim": inputs.feature_dim},
        "test": evaluation["test"],
        "models": [model_facts(inputs, name, words) for name in inputs.measured],
        "main": inputs.main,
        "compared": inputs.compared,
        "comparisons": [named(test, words) | {"verdict": verdict(test)} for test in evaluation["comparisons"]],
        "agreement": [head_agreement(inputs, *pair, words) for pair in combinations(inputs.main, 2)],
        "shared": shared(inputs.predictions[first], inputs.predictions[last]),
        "alarm": {key: alarm[key] for key in ("class", "min_recall", "clips", "other_clips", "hours_of_other_clips")},
        "online": evaluation["online"],
        "causal": causal(inputs, words),
        "exploding": inputs.exploding_gradients,
        "environment": inputs.environment,
    }


def model_facts(inputs: Inputs, name: str, words: dict[str, str]) -> dict:
    """Return what is said of one model."""
    metrics, alarm = inputs.evaluation["models"][name], inputs.evaluation["alarm"]
    curve = inputs.plots["early"]
    of_alarm = alarm["models"][name]
    facts: dict[str, Any] = metrics | {
        "id": name,
        "name": words[name],
        "per_class": [metrics["per_class"][label] for label in inputs.classes],
        "extremes": extremes(metrics["per_class"]),
        "order": verdict(inputs.evaluation["order"][name]),
        "half_rate": verdict(inputs.evaluation["half_rate"][name]),
        "early": early(curve[curve.model == name]),
        "alarm": of_alarm | {"reached": reached(of_alarm["recall"], alarm["min_recall"])},
    }
    if name in inputs.compared:
        facts |= errors(inputs.predictions[name])
    if name in inputs.main:
        config, curves = inputs.configs[name], inputs.plots[f"curves_{name}"]
        facts |= {
            "head": config["head"],
            "settings": config["settings"]["model"] | config["settings"][config["head"]],
            "parts": inputs.parts[name],
            "trained": inputs.trained[name],
            "epochs": len(curves),
            "best_epoch": int(curves.epoch[curves.val_loss.idxmin()]),
            "learned": bool(curves.val_loss.min() < FLAT * curves.val_loss.iloc[0]),
            "largest_norm": float(inputs.plots[f"gradients_{name}"].grad_norm.max()),
        }
    return facts


def named(test: dict, words: dict[str, str]) -> dict:
    """Return a comparison with the names of its models beside their ids."""
    return test | {"names": [words[test["first"]], words[test["second"]]]}


def errors(table: pd.DataFrame) -> dict:
    """Return how many clips are wrong, and the ways of confusing one class with another that are most frequent."""
    wrong = table[table.label != table.predicted]
    pairs = Counter(zip(wrong.label, wrong.predicted, strict=True))
    first = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:PAIRS]
    return {
        "wrong": len(wrong),
        "tested": len(table),
        "confused": [{"label": label, "predicted": predicted, "wrong": n} for (label, predicted), n in first],
    }


def shared(first: pd.DataFrame, second: pd.DataFrame) -> dict:
    """Return how many clips both models get wrong, and how many of them in the same way."""
    wrong_N = (first.label != first.predicted).to_numpy() & (second.label != second.predicted).to_numpy()
    alike_N = (first.predicted == second.predicted).to_numpy()
    return {"wrong": int(wrong_N.sum()), "alike": int((wrong_N & alike_N).sum())}


def head_agreement(inputs: Inputs, first: str, second: str, words: dict[str, str]) -> dict:
    """Return on how many clips two models are right or wrong together or alone, and where their F1 differs most."""
    first_N, second_N = (
        (table.label == table.predicted).to_numpy() for table in (inputs.predictions[name] for name in (first, second))
    )
    first_f1, second_f1 = (
        {label: row["f1"] for label, row in inputs.evaluation["models"][name]["per_class"].items() if row["support"]}
        for name in (first, second)
    )
    widest = max(first_f1, key=lambda label: (abs(first_f1[label] - second_f1[label]), label))
    return {
        "names": [words[first], words[second]],
        "both_right": int((first_N & second_N).sum()),
        "both_wrong": int((~first_N & ~second_N).sum()),
        "only": [int((first_N & ~second_N).sum()), int((~first_N & second_N).sum())],
        "widest": widest,
        "f1": [first_f1[widest], second_f1[widest]],
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


def causal(inputs: Inputs, words: dict[str, str]) -> list[dict]:
    """Return the comparisons of a main model with the causal variant of the same head, the causal one second."""
    found = []
    for test in inputs.evaluation["comparisons"]:
        model, variant = sorted((test["first"], test["second"]), key=lambda name: name not in inputs.main)
        if model in inputs.main and MODELS.get(variant) == (MODELS[model][0], {"bidirectional": False}):
            bidirectional = inputs.configs[model]["settings"][MODELS[model][0]]["bidirectional"]
            found.append(named(test, words) | {"verdict": verdict(test), "bidirectional": bidirectional})
    return found


def reached(recall: float | None, min_recall: float) -> bool | None:
    """Return whether the recall on test is the target that the threshold was chosen for; None without such clips."""
    return None if recall is None else recall >= min_recall


def extremes(per_class: dict) -> dict:
    """Return the classes of the highest and of the lowest F1 among those that have test clips."""
    f1 = {label: row["f1"] for label, row in per_class.items() if row["support"]}
    low, high = min(f1.values()), max(f1.values())
    best, worst = ([label for label in f1 if f1[label] == value] for value in (high, low))
    return {"highest": best, "highest_f1": high, "lowest": worst, "lowest_f1": low}
