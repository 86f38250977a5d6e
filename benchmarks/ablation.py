"""What each part of the recipe adds, by cross-validation over the groups of the training clips of two data sets.

No test clip is used. Results go row by row into one CSV (resumes), the table into docs/ablation.md.
"""

import argparse
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.clips import changed, load_clips, of_folder
from vidseq.data.splits import FOLDS
from vidseq.models import MAIN_MODELS
from vidseq.params import FeaturesParams, Params, load_params
from vidseq.training.recipe import cross_fit

KEYS = ["repeat", "variant", "data", "head"]
VARIANTS: dict[str, dict[str, object]] = {
    "the recipe": {},
    "rgb alone": {"preprocessing.inputs": ["rgb"]},
    "rgb and diff": {"preprocessing.inputs": ["rgb", "diff"]},
    "rgb, diff and diff_deviation": {"preprocessing.inputs": ["rgb", "diff", "diff_deviation"]},
    "diff_deviation alone": {"preprocessing.inputs": ["diff_deviation"]},
    "no difference images: rgb and rgb_deviation": {"preprocessing.inputs": ["rgb", "rgb_deviation"]},
    "no difference images: rgb, rgb_delta and rgb_deviation": {
        "preprocessing.inputs": ["rgb", "rgb_delta", "rgb_deviation"]
    },
    "half the PCA components": {"preprocessing.pca_components": 128},
    "one layer": {"model.layers": 1},
    "twice the width": {"model.dim": 128},
    "without dropout": {"model.dropout": 0.0},
    "twice the epochs": {"train.epochs": 30},
    "causal RNN, Transformer with a classification token": {
        "rnn.bidirectional": False,
        "transformer.pooling": "cls",
    },
}
PREFACE = """# What each part of the recipe adds

Written by `python -m benchmarks.ablation <ucf101> --repeats {repeats}` (see [results.md](results.md)). Accuracy / log
loss of {folds}-fold cross-validation over the groups of the training clips: {ucf101} of split 1 of UCF101's five
classes, and {demo} of the demo; no test clip is used. Each repeat has other folds and another seed. On that many clips,
chance alone moves an accuracy of 0.95 by 0.01, and by more because clips of one group are correlated: small differences
decide nothing. Head inputs are named as in `params.yaml`.

| | UCF101, RNN | UCF101, Transformer | demo, RNN | demo, Transformer |
|---|---:|---:|---:|---:|
"""


def main() -> None:
    """Run what is not in the results yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ucf101", type=Path, help="a folder that holds videos/<Class>/ and the official lists, splits/")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--results", type=Path, default=Path("data/benchmark/ablation.csv"))
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    demo = load_params(Path("params.yaml"))
    lists = str((arguments.ucf101 / "splits").absolute())
    ucf101 = changed(of_folder(arguments.ucf101 / "videos", demo), {"data.split_lists": lists, "data.split": 1})
    data_sets = {"ucf101": ucf101, "demo": demo}

    @cache
    def training_clips(name: str, features: FeaturesParams) -> tuple[pd.DataFrame, list[np.ndarray], dict]:
        clips, x, feature_config = load_clips(data_sets[name].model_copy(update={"features": features}))
        known = np.flatnonzero(clips.split != "test")
        return clips.iloc[known].reset_index(drop=True), [x[i] for i in known], feature_config

    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    done = set()
    if arguments.results.exists():
        done = set(pd.read_csv(arguments.results)[KEYS].itertuples(index=False, name=None))
    for key in product(range(arguments.repeats), VARIANTS, data_sets, MAIN_MODELS):
        repeat, variant, data, head = key
        if key not in done:
            params = changed(data_sets[data], {**VARIANTS[variant], "train.seed": repeat})
            row = dict(zip(KEYS, key, strict=True)) | cross_validate(
                head, *training_clips(data, params.features), params
            )
            header = not arguments.results.exists()
            pd.DataFrame([row]).to_csv(arguments.results, mode="a", header=header, index=False)
            print(f"repeat {repeat} {data} {head}, {variant}: accuracy {row['accuracy']:.3f}", flush=True)
    counts = {name: len(training_clips(name, demo.features)[0]) for name in data_sets}
    write_table(pd.read_csv(arguments.results), counts, arguments.out)


def cross_validate(
    name: str, clips: pd.DataFrame, x: list[np.ndarray], feature_config: dict, params: Params
) -> dict[str, float]:
    """Return accuracy and log loss of model `name` out of fold, over all clips, whose features are `x`."""
    out_of_fold = cross_fit(name, x, clips, params, feature_config)
    p_NC, y_N = out_of_fold.probabilities(), out_of_fold.y_N
    p_N, right_N = p_NC[np.arange(len(y_N)), y_N], p_NC.argmax(1) == y_N
    return {"accuracy": float(right_N.mean()), "log_loss": float(-np.log(p_N.clip(1e-7)).mean())}


def write_table(results: pd.DataFrame, counts: dict[str, int], out: Path) -> None:
    """Write docs/ablation.md: one row for each variant that was run, in the order of VARIANTS."""
    means = results.groupby(["variant", "data", "head"])[["accuracy", "log_loss"]].mean()
    lines = []
    for variant in (name for name in VARIANTS if name in means.index):
        cells = [means.xs((variant, data, head)) for data, head in product(counts, MAIN_MODELS)]
        lines.append(f"| {variant} | {' | '.join(f'{row.accuracy:.3f} / {row.log_loss:.3f}' for row in cells)} |")
    preface = PREFACE.format(folds=FOLDS, repeats=results.repeat.nunique(), **counts)
    out.mkdir(exist_ok=True)
    (out / "ablation.md").write_text(preface + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
