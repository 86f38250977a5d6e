"""Recall promised against recall found: thresholds of out-of-fold scores, carried over to the test clips of UCF101.

Every class is the alarm once, over the splits and seeds that `benchmarks.heads` has run. Writes docs/alarm.md.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.heads import scores_file, seeds_of_splits
from vidseq.evaluation.alarm import Alarm
from vidseq.models import BASELINE, MAIN_MODELS
from vidseq.models.thresholds import OutOfFold, choose_threshold

PROMISED = (0.8, 0.9, 0.95)
MODELS = (*MAIN_MODELS, BASELINE)
TEXT = """# The alarm's recall, promised and found

Written by `python -m benchmarks.alarm` from the results of `python -m benchmarks.heads` ([results.md](results.md)):
{classes} classes of UCF101. {seeds}. Each class is the alarm once. Thresholds are
chosen on out-of-fold scores of the training clips for the promised recall, and used on the test clips.

| model | promised | found | lowest and highest class | false alarms per 100 other clips |
|---|---:|---:|---:|---:|
{rows}

Found is the mean over seeds, then over classes and splits. A threshold promises what new groups like the training
groups would give: a class whose test groups are harder than its training groups is found less often than promised.
"""


def main() -> None:
    """Read the results, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("data/benchmark/heads_more.csv"))
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    results = pd.read_csv(arguments.results)
    results = results[results.model.isin(MODELS)]
    classes = sorted(results.label.unique())
    found = []
    for (split, model, seed), test in results.groupby(["split", "model", "seed"], sort=False):
        with np.load(scores_file(arguments.results, split, model, seed)) as scores:
            out_of_fold, p_NC = OutOfFold(scores["logits_NC"], scores["y_N"]), scores["p_NC"]
        rows = promised_and_found(test.label.to_numpy(), p_NC, out_of_fold, classes)
        found.append(rows.assign(model=model, split=split))
    facts = {"classes": len(classes), "seeds": seeds_of_splits(results)}
    write(over_seeds(pd.concat(found)), facts, arguments.out)


def promised_and_found(
    labels_N: np.ndarray, p_NC: np.ndarray, out_of_fold: OutOfFold, classes: list[str]
) -> pd.DataFrame:
    """Return rows class, promised, found, false_alarms (per 100 other clips) of one model on its test clips."""
    rows = []
    for index, label in enumerate(classes):
        alarm = Alarm(labels_N == label, p_NC[:, index], np.ones(len(labels_N)))
        for promised in PROMISED:
            counts = alarm.counts(choose_threshold(out_of_fold, index, promised))
            false_alarms = 100 * counts["false_alarms"] / (labels_N != label).sum()
            rows.append({"class": label, "promised": promised, "found": counts["recall"], "false_alarms": false_alarms})
    return pd.DataFrame(rows)


def over_seeds(found: pd.DataFrame) -> pd.DataFrame:
    """Average the seeds, so that a split counts the same however many it has."""
    return found.groupby(["model", "promised", "split", "class"], sort=False, as_index=False).mean()


def write(found: pd.DataFrame, facts: dict, out: Path) -> None:
    """Write docs/alarm.md."""
    rows = []
    for (model, promised), of_model in found.groupby(["model", "promised"], sort=False):
        by_class = of_model.groupby("class").found.mean()
        span = f"{by_class.min():.3f} – {by_class.max():.3f}"
        false_alarms = of_model.false_alarms.mean()
        rows.append(f"| {model} | {promised:.2f} | {of_model.found.mean():.3f} | {span} | {false_alarms:.1f} |")
    out.mkdir(exist_ok=True)
    (out / "alarm.md").write_text(TEXT.format(rows="\n".join(rows), **facts), encoding="utf-8")


if __name__ == "__main__":
    main()
