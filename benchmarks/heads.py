"""Splits x seeds x models on cached features, clip by clip into one CSV; resumes. `heads_report` makes tables of it.

Clips are sampled and encoded first, as params.yaml has it, and once more for the Keras heads as their examples do.
Every model is trained on a split's training clips alone; its test clips are looked at once it is done.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.clips import changed, load_clips, of_folder
from benchmarks.keras_heads import STEPS, CnnRnn, VideoTransformer, train_keras_head
from vidseq.baseline import fit_baseline, mean_over_time
from vidseq.params import Params, load_params
from vidseq.recipe import train_model
from vidseq.sequences import shuffled_in_time
from vidseq.splits import read_lists, with_validation

SPLITS, SEEDS = (1, 2, 3), range(5)
AS_KERAS = {"features.grid": 1, "features.difference": None, "streams.show": ["frame"]}
AS_KERAS |= {"frames.strategy": "first", "frames.max_steps": STEPS}
KERAS = {"keras_cnn_rnn": CnnRnn, "keras_transformer": VideoTransformer}
COLUMNS = ["split", "model", "seed", "clip", "group", "label", "predicted", "shuffled", "reversed"]


def main() -> None:
    """Run what is not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ucf101", type=Path, help="a folder that holds videos/<Class>/ and the official lists, splits/")
    parser.add_argument("--results", type=Path, default=Path("data/benchmark/heads.csv"))
    parser.add_argument("--splits", type=int, nargs="+", default=SPLITS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    arguments = parser.parse_args()
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    params = of_folder(arguments.ucf101 / "videos", load_params(Path("params.yaml")))
    clips, sequences, backbone = load_clips(params)
    _, keras, _ = load_clips(changed(params, AS_KERAS))
    frames = [x_TD[:, : x_TD.shape[1] // 2] for x_TD in sequences]  # without the difference images behind them
    inputs = {"rnn": sequences, "transformer": sequences, "baseline": sequences, "baseline_frames": frames}
    inputs |= {"rnn_leaky": sequences, **dict.fromkeys(KERAS, keras)}
    done = set()
    if arguments.results.exists():
        done = set(pd.read_csv(arguments.results)[["split", "model", "seed"]].itertuples(index=False, name=None))
    for seed in arguments.seeds:
        for split in arguments.splits:
            for model, x in inputs.items():
                once = (model.startswith("baseline") and seed) or (model == "rnn_leaky" and split > 1)
                if once or (split, model, seed) in done:  # the one has no seed, the other no official split
                    continue
                leaks = model == "rnn_leaky"
                table = leaky(clips, split, seed) if leaks else official(clips, arguments.ucf101 / "splits", split)
                rows = run(model, table, x, changed(params, {"train.seed": seed}), backbone)
                rows = rows.assign(split=split, model=model, seed=seed)
                header = not arguments.results.exists()
                rows[COLUMNS].to_csv(arguments.results, mode="a", header=header, index=False)
                print(f"split {split} seed {seed} {model}: {(rows.label == rows.predicted).mean():.4f}", flush=True)


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
    known, test = clips[clips.split.isin(["train", "val"])], clips[clips.split == "test"]
    x_known, x_test = [x[i] for i in known.index], [x[i] for i in test.index]
    classes = sorted(clips.label.unique())
    y = [classes.index(label) for label in known.label]
    views = {
        "predicted": x_test,
        "shuffled": shuffled_in_time(x_test, params.train.seed),
        "reversed": [x_TD.flip(0) for x_TD in x_test],
    }
    if model.startswith("baseline"):
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
