"""What each part of the recipe adds, by cross-validation over the groups of the training clips of two data sets.

No test clip is used. Results go row by row into one CSV (resumes), the table into docs/ablation.md.
"""

import argparse
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.clips import changed, load_clips
from benchmarks.heads import placeholders, training_clips, without_test
from vidseq.data.splits import FOLDS
from vidseq.models import BASELINE, MAIN_MODELS
from vidseq.params import FeaturesParams, FramesParams, Params, load_params
from vidseq.training.pooling import train_pooling
from vidseq.training.recipe import cross_fit

KEYS = ["seed", "variant", "data", "head"]
DATA_SETS = {"ucf101": "UCF101", "demo": "demo"}
ONE_HEAD = {"train.ensemble": 1}  # of every variant but the first: a third of the time
VARIANTS: dict[str, dict[str, object]] = {
    "the recipe: an ensemble": {"train.ensemble": 3},
    "the recipe, one head": {},
    "4 frames per second": {"frames.fps": 4.0, "preprocessing.lag": 4},
    "1 frame per second": {"frames.fps": 1.0, "preprocessing.lag": 1},
    "difference images as large as the frames, 224 px": {"features.diff_size": 224},
    "difference images of 112 px": {"features.diff_size": 112},
    "differences over 0.5 s": {"features.diff_seconds": 0.5},
    "rgb alone": {"preprocessing.inputs": ["rgb"]},
    "rgb and diff": {"preprocessing.inputs": ["rgb", "diff"]},
    "rgb, diff and diff_deviation": {"preprocessing.inputs": ["rgb", "diff", "diff_deviation"]},
    "no difference images: rgb and rgb_deviation": {"preprocessing.inputs": ["rgb", "rgb_deviation"]},
    "half the PCA components": {"preprocessing.pca_components": 128},
    "one layer": {"model.layers": 1},
    "without dropout": {"model.dropout": 0.0},
    "twice the dropout": {"model.dropout": 0.4},
    "half the epochs": {"train.epochs": 8},
    "causal RNN, Transformer with a classification token": {
        "rnn.bidirectional": False,
        "transformer.pooling": "cls",
    },
}
FEATURES = ("frames.", "features.")  # begin the keys that change the features, and so the baseline
COLUMNS = (*MAIN_MODELS, BASELINE)
PREFACE = """# What each part of the recipe adds

Written by `python -m benchmarks.ablation {folders} --seeds {seeds}` (see [results.md](results.md)): accuracy / log loss
of {folds}-fold cross-validation over the groups of the training clips, {ucf101} of split 1 of {classes} classes of
UCF101 and {demo} of the demo; no test clip is used. Seeds: {seeds}, each with other folds. The first row is the recipe
as it ships; all others have one head a model, and are compared with the second row. On that many clips, chance alone
moves an accuracy of 0.94 by 0.01, and by more because clips of one group are correlated; another seed moves it as much:
small differences decide nothing. Names are those of `params.yaml`; the baseline changes with the features alone.

| | {columns} |
|---|{rules}|
"""


def main() -> None:
    """Run what is not in the results yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ucf101", type=Path, nargs="+", help="folders that hold videos/<Class>/ and splits/, the lists")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), help="by default all")
    parser.add_argument("--results", type=Path, default=Path("data/benchmark/ablation.csv"))
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    defaults = load_params(Path("params.yaml"))

    @lru_cache(maxsize=4)
    def clips_of(data: str, frames: str, features: str) -> tuple[pd.DataFrame, list[np.ndarray], dict]:
        sections = {"frames": FramesParams.model_validate_json(frames)}
        params = defaults.model_copy(update=sections | {"features": FeaturesParams.model_validate_json(features)})
        if data != "demo":
            return training_clips(arguments.ucf101, params)
        clips, x, feature_config = load_clips(params)
        return *without_test(clips, x), feature_config

    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    done = set()
    if arguments.results.exists():
        done = set(pd.read_csv(arguments.results)[KEYS].itertuples(index=False, name=None))
    for key in product(range(arguments.seeds), arguments.variants, DATA_SETS, COLUMNS):
        seed, variant, data, head = key
        same = head == BASELINE and VARIANTS[variant] and not any(k.startswith(FEATURES) for k in VARIANTS[variant])
        if key in done or same:
            continue
        params = changed(defaults, {**ONE_HEAD, **VARIANTS[variant], "train.seed": seed})
        clips, x, config = clips_of(data, params.frames.model_dump_json(), params.features.model_dump_json())
        row = dict(zip(KEYS, key, strict=True)) | cross_validate(head, clips, x, config, params)
        pd.DataFrame([row]).to_csv(arguments.results, mode="a", header=not arguments.results.exists(), index=False)
        print(f"seed {seed} {data} {head}, {variant}: accuracy {row['accuracy']:.3f}", flush=True)
    frames, features = defaults.frames.model_dump_json(), defaults.features.model_dump_json()
    tables = {data: clips_of(data, frames, features)[0] for data in DATA_SETS}
    counts = {data: len(table) for data, table in tables.items()}
    facts = {"folders": placeholders(arguments.ucf101), "seeds": str(arguments.seeds)}
    facts["classes"] = str(tables["ucf101"].label.nunique())
    results = pd.read_csv(arguments.results)
    write_table(results[results.seed < arguments.seeds], facts | counts, arguments.out)


def cross_validate(
    name: str, clips: pd.DataFrame, x: list[np.ndarray], feature_config: dict, params: Params
) -> dict[str, float]:
    """Return accuracy and log loss of model `name` out of fold, over all clips, whose features are `x`."""
    if name == BASELINE:
        labels, groups = clips.label.tolist(), clips.group.tolist()
        out_of_fold = train_pooling(x, labels, groups, params, feature_config).out_of_fold
    else:
        out_of_fold, _ = cross_fit(name, x, clips, params, feature_config)
    return {"accuracy": out_of_fold.accuracy(), "log_loss": out_of_fold.log_loss()}


def write_table(results: pd.DataFrame, facts: dict, out: Path) -> None:
    """Write docs/ablation.md: one row for each variant that was run, in the order of VARIANTS."""
    means = results.groupby(["variant", "data", "head"])[["accuracy", "log_loss"]].mean()
    columns, lines = list(product(DATA_SETS, COLUMNS)), []
    for variant in (name for name in VARIANTS if name in means.index):
        cells = []
        for data, head in columns:
            cell = (variant, data, head)
            if cell in means.index:
                accuracy, log_loss = means.loc[cell]
                cells.append(f"{accuracy:.3f} / {log_loss:.3f}")
            else:
                cells.append("")
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    titles = " | ".join(f"{DATA_SETS[data]}, {head}" for data, head in columns)
    preface = PREFACE.format(folds=FOLDS, columns=titles, rules="|".join(["---:"] * len(columns)), **facts)
    out.mkdir(exist_ok=True)
    (out / "ablation.md").write_text(preface + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
