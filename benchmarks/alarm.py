"""Recall promised against recall found: thresholds of out-of-fold scores, carried over to the test clips of UCF101.

Every class is the alarm once, over the official splits and several seeds. Writes docs/alarm.md.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.clips import changed
from benchmarks.heads import SPLITS, load_folders, official
from vidseq.evaluation.alarm import Alarm
from vidseq.models import BASELINE, MAIN_MODELS
from vidseq.models.thresholds import OutOfFold, choose_threshold
from vidseq.models.trained_model import TrainedModel
from vidseq.params import Params, load_params
from vidseq.training.pooling import train_pooling
from vidseq.training.recipe import cross_fit, train_model

PROMISED = (0.8, 0.9, 0.95)
KEYS = ["split", "seed", "model"]
TEXT = """# The alarm's recall, promised and found

Written by `python -m benchmarks.alarm {folders}` on {clips} clips of {classes} classes of UCF101.
Each class is the alarm once, with {splits} official splits and seeds {seeds}. Thresholds are chosen on out-of-fold
scores of the training clips for the promised recall, and used on the test clips.

| model | promised | found | lowest and highest class | false alarms per 100 other clips |
|---|---:|---:|---:|---:|
{rows}

Found is the mean over classes, splits and seeds. A threshold promises what new groups like the training groups would
give: a class whose test groups are harder than its training groups is found less often than promised.
"""


def main() -> None:
    """Run what is not in the results yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ucf101", type=Path, nargs="+", help="folders that hold videos/<Class>/ and splits/, the lists")
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1))
    parser.add_argument("--results", type=Path, default=Path("data/benchmark/alarm.csv"))
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    params = load_params(Path("params.yaml"))
    clips, features, feature_config = load_folders(arguments.ucf101, params)
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    done = set()
    if arguments.results.exists():
        done = set(pd.read_csv(arguments.results)[KEYS].itertuples(index=False, name=None))
    for seed in arguments.seeds:
        for split in SPLITS:
            table = official(clips, arguments.ucf101, split)
            for name in (*MAIN_MODELS, BASELINE):
                if (split, seed, name) in done:
                    continue
                rows = measure(name, table, features, changed(params, {"train.seed": seed}), feature_config)
                rows = rows.assign(split=split, seed=seed, model=name)
                rows.to_csv(arguments.results, mode="a", header=not arguments.results.exists(), index=False)
                print(
                    f"split {split} seed {seed} {name}: {rows.groupby('promised').found.mean().to_dict()}", flush=True
                )
    results = pd.read_csv(arguments.results)
    folders = " ".join(f"<{folder.name}>" for folder in arguments.ucf101)
    write(results, folders, len(clips), arguments.out)


def measure(
    name: str, clips: pd.DataFrame, features: list[np.ndarray], params: Params, feature_config: dict
) -> pd.DataFrame:
    """Return rows class, promised, found, false_alarms (per 100 other clips) of one model."""
    known, test = clips[clips.split != "test"], clips[clips.split == "test"]
    x_known, x_test = ([features[i] for i in part.index] for part in (known, test))
    model, out_of_fold = train(name, known, x_known, params, feature_config)
    p_NC, rows = model.probabilities(x_test), []
    for index, label in enumerate(model.classes):
        alarm = Alarm((test.label == label).to_numpy(), p_NC[:, index], np.ones(len(test)))
        for promised in PROMISED:
            counts = alarm.counts(choose_threshold(out_of_fold, index, promised))
            false_alarms = 100 * counts["false_alarms"] / (test.label != label).sum()
            rows.append({"class": label, "promised": promised, "found": counts["recall"], "false_alarms": false_alarms})
    return pd.DataFrame(rows)


def train(
    name: str, known: pd.DataFrame, x: list[np.ndarray], params: Params, feature_config: dict
) -> tuple[TrainedModel, OutOfFold]:
    """Train a model as its stage does."""
    labels = known.label.tolist()
    if name == BASELINE:
        pooling = train_pooling(x, labels, known.group.tolist(), params, feature_config)
        return pooling.model, pooling.out_of_fold
    val_N = (known.split == "val").to_numpy()
    model = train_model(name, x, labels, val_N, params, feature_config).model
    return model, cross_fit(name, x, known, params, feature_config)


def write(results: pd.DataFrame, folders: str, clips: int, out: Path) -> None:
    """Write docs/alarm.md."""
    rows = []
    for (model, promised), of_model in results.groupby(["model", "promised"], sort=False):
        by_class = of_model.groupby("class").found.mean()
        false_alarms = of_model.false_alarms.mean()
        span = f"{by_class.min():.3f} – {by_class.max():.3f}"
        rows.append(f"| {model} | {promised:.2f} | {of_model.found.mean():.3f} | {span} | {false_alarms:.1f} |")
    text = TEXT.format(
        folders=folders, clips=clips, classes=results["class"].nunique(), splits=results.split.nunique(),
        seeds=" and ".join(map(str, sorted(results.seed.unique()))), rows="\n".join(rows),
    )  # fmt: skip
    out.mkdir(exist_ok=True)
    (out / "alarm.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
