"""Splits x seeds x models on cached features, clip by clip into one CSV; resumes. `heads_report` makes tables of it.

Needs the features of UCF101 clips (any classes), from a run of the pipeline; for the Keras heads a second set of them
with features.grid=1, frames.strategy=first and frames.max_steps=20. Every model is trained on a split's training
clips alone; its test clips are looked at once it is done.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.keras_heads import STEPS, CnnRnn, VideoTransformer, train_keras_head
from vidseq import features
from vidseq.baseline import fit_baseline, mean_over_time
from vidseq.files import read_json
from vidseq.params import Params, load_params
from vidseq.recipe import train_model
from vidseq.splits import read_lists, with_validation

SPLITS, SEEDS = (1, 2, 3), range(5)
KERAS = {"keras_cnn_rnn": CnnRnn, "keras_transformer": VideoTransformer}
COLUMNS = ["split", "model", "seed", "clip", "group", "label", "predicted", "shuffled", "reversed"]


def main() -> None:
    """Run what is not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path(), help="where data/clips.csv and data/features are")
    parser.add_argument("--keras-features", type=Path, help="features of the first 20 frames; without, no Keras heads")
    parser.add_argument("--lists", type=Path, required=True, help="the folder of the official lists")
    parser.add_argument("--results", type=Path, default=Path("data/benchmark/heads.csv"))
    parser.add_argument("--splits", type=int, nargs="+", default=SPLITS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    arguments = parser.parse_args()
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    params = load_params(Path("params.yaml"))
    folder = arguments.project / "data/features"
    clips = features.clips_with_features(arguments.project / "data/clips.csv", folder).reset_index(drop=True)
    backbone = read_json(folder / "meta.json")["backbone"]
    sequences = features.load_sequences(folder, clips["clip"].tolist())
    keras = arguments.keras_features and features.load_sequences(arguments.keras_features, clips["clip"].tolist())
    models = ["rnn", "transformer", "baseline", "rnn_leaky", *(KERAS if keras else ())]
    done = set()
    if arguments.results.exists():
        done = set(pd.read_csv(arguments.results)[["split", "model", "seed"]].itertuples(index=False, name=None))
    for seed in arguments.seeds:
        for split in arguments.splits:
            for model in models:
                once = (model == "baseline" and seed) or (model == "rnn_leaky" and split > 1)
                if once or (split, model, seed) in done:  # the one has no seed, the other no official split
                    continue
                table = official(clips, arguments.lists, split) if model != "rnn_leaky" else leaky(clips, split, seed)
                table = table.reset_index(drop=True)
                x = keras if model in KERAS else sequences
                rows = run(model, table, x, with_seed(params, seed), backbone).assign(
                    split=split, model=model, seed=seed
                )
                header = not arguments.results.exists()
                rows[COLUMNS].to_csv(arguments.results, mode="a", header=header, index=False)
                print(f"split {split} seed {seed} {model}: {(rows.label == rows.predicted).mean():.4f}", flush=True)


def with_seed(params: Params, seed: int) -> Params:
    """Return the params with another seed of training."""
    return params.model_copy(update={"train": params.train.model_copy(update={"seed": seed})})


def official(clips: pd.DataFrame, lists: Path, split: int) -> pd.DataFrame:
    """Split by the official lists, with validation groups carved out of the training groups as the pipeline does."""
    sides = read_lists(lists, split).set_index("name").split
    return with_validation(clips.assign(split=clips.path.map(sides)), 0.2, 0)


def leaky(clips: pd.DataFrame, split: int, seed: int) -> pd.DataFrame:
    """Split clip by clip, at random, in the proportions of the official splits: siblings stand on both sides."""
    rng = np.random.default_rng([split, seed])
    return clips.assign(split=rng.choice(["train", "val", "test"], len(clips), p=[0.57, 0.15, 0.28]))


def run(model: str, clips: pd.DataFrame, x: list[torch.Tensor], params: Params, backbone: dict) -> pd.DataFrame:
    """Train on the training clips (and their validation part), predict the test clips: in order, shuffled, reversed."""
    is_test = (clips.split == "test").to_numpy()
    known, test = clips[~is_test], clips[is_test]
    x_known, x_test = [x[i] for i in known.index], [x[i] for i in test.index]
    classes = sorted(clips.label.unique())
    y = [classes.index(label) for label in known.label]
    generator = torch.Generator().manual_seed(params.train.seed)
    views = {
        "predicted": x_test,
        "shuffled": [x_TD[torch.randperm(len(x_TD), generator=generator)] for x_TD in x_test],
        "reversed": [x_TD.flip(0) for x_TD in x_test],
    }
    if model == "baseline":
        baseline = fit_baseline(x_known, y)
        columns = {name: baseline.predict(mean_over_time(view)) for name, view in views.items()}
    elif model in KERAS:
        known = known.sort_values(["label", "clip"])
        x_NTD, mask_NT = pad_right([x[i] for i in known.index])
        y_N = torch.tensor([classes.index(label) for label in known.label])
        head = train_keras_head(KERAS[model], x_NTD, mask_NT, y_N, params.train.seed)
        with torch.inference_mode():
            columns = {name: head(*pad_right(view)).argmax(1).numpy() for name, view in views.items()}
    else:
        val = (known.split == "val").to_numpy()
        trained, *_ = train_model(model.removesuffix("_leaky"), x_known, known.label.tolist(), val, params, backbone)
        columns = {name: trained.probabilities(view).argmax(1).numpy() for name, view in views.items()}
    named = {name: [classes[column] for column in predicted] for name, predicted in columns.items()}
    return test[["clip", "group", "label"]].assign(**named)


def pad_right(x: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack series to x (N, 20, D), zeros behind, and mask (N, 20), as the Keras examples do."""
    x_NTD = torch.stack([torch.nn.functional.pad(x_TD[:STEPS], (0, 0, 0, STEPS - len(x_TD[:STEPS]))) for x_TD in x])
    mask_NT = torch.arange(STEPS) < torch.tensor([len(x_TD) for x_TD in x])[:, None]
    return x_NTD, mask_NT


if __name__ == "__main__":
    main()
