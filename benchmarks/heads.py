"""Splits x seeds x models on cached features, clip by clip into one CSV; resumes. `heads_report` makes tables of it.

Beside the CSV is a folder with the probabilities of the test clips and the out-of-fold logits of the training clips.

Clips are sampled and encoded first, as params.yaml has it, and of one folder alone once more for the Keras heads, as
their examples do.
Every model is trained on a split's training clips alone; its test clips are used only after that.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.clips import changed, load_clips, of_folder
from benchmarks.keras_heads import STEPS, CnnRnn, VideoTransformer, train_keras_head
from vidseq.data.splits import with_validation
from vidseq.evaluation.early import ShuffledInTime
from vidseq.models import BASELINE, MODELS
from vidseq.models.preprocessing import by_image_type, to_tensor
from vidseq.models.thresholds import OutOfFold
from vidseq.models.trained_model import TrainedModel
from vidseq.params import Params, load_params
from vidseq.sources.lists import read_lists
from vidseq.training.pooling import train_pooling
from vidseq.training.recipe import train_calibrated

SPLITS, SEEDS = (1, 2, 3), range(5)
AS_KERAS = {
    "features.diff_seconds": None,
    "preprocessing.inputs": ["rgb"],
    "frames.strategy": "first",
    "frames.max_frames": STEPS,
}
KERAS: dict[str, type[CnnRnn] | type[VideoTransformer]] = {
    "keras_cnn_rnn": CnnRnn,
    "keras_transformer": VideoTransformer,
}
COLUMNS = ["split", "model", "seed", "clip", "group", "label", "predicted", "p_true", "shuffled", "reversed"]


def main() -> None:
    """Run what is not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ucf101", type=Path, nargs="+", help="folders that hold videos/<Class>/ and splits/, the lists")
    parser.add_argument("--results", type=Path, default=Path("data/benchmark/heads.csv"))
    parser.add_argument("--splits", type=int, nargs="+", default=SPLITS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    arguments = parser.parse_args()
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    params = load_params(Path("params.yaml"))
    clips, features, feature_config = load_folders(arguments.ucf101, params)
    types = feature_config["image_types"]
    frames = [by_image_type(torch.from_numpy(x_TD), types)["rgb"].numpy() for x_TD in features]
    inputs = dict.fromkeys((*MODELS, BASELINE), features)
    inputs["baseline_frames"] = frames
    if len(arguments.ucf101) == 1:  # what more classes need not show again
        _, keras, _ = load_folders(arguments.ucf101, changed(params, AS_KERAS))
        inputs |= {"rnn_leaky": features, **dict.fromkeys(KERAS, keras)}
    done = set()
    if arguments.results.exists():
        done = set(pd.read_csv(arguments.results)[["split", "model", "seed"]].itertuples(index=False, name=None))
    for seed in arguments.seeds:
        for split in arguments.splits:
            for model, x in inputs.items():
                once = (model.startswith("baseline") and seed) or (model == "rnn_leaky" and split > 1)
                if once or (split, model, seed) in done:  # a baseline needs no seed, a random split no official one
                    continue
                leaks = model == "rnn_leaky"
                table = leaky(clips, split, seed) if leaks else official(clips, arguments.ucf101, split)
                rows, p_NC, out_of_fold = run(model, table, x, changed(params, {"train.seed": seed}), feature_config)
                if out_of_fold is not None:
                    file = scores_file(arguments.results, split, model, seed)
                    file.parent.mkdir(exist_ok=True)
                    np.savez(file, p_NC=p_NC, logits_NC=out_of_fold.logits_NC, y_N=out_of_fold.y_N)
                rows = rows.assign(split=split, model=model, seed=seed)
                header = not arguments.results.exists()
                rows[COLUMNS].to_csv(arguments.results, mode="a", header=header, index=False)
                print(f"split {split} seed {seed} {model}: {(rows.label == rows.predicted).mean():.4f}", flush=True)


def scores_file(results: Path, split: int, model: str, seed: int) -> Path:
    """Return where a run's p_NC, of the test clips, and its out-of-fold logits_NC and y_N are."""
    return results.with_suffix("") / f"{split}-{model}-{seed}.npz"


def seeds_of_splits(results: pd.DataFrame) -> str:
    """Say how many seeds of the heads each split has."""
    counts = results[results.model == "rnn"].groupby("split").seed.nunique()
    return "Seeds: " + ", ".join(f"{count} of split {split}" for split, count in counts.items())


def load_folders(folders: list[Path], params: Params) -> tuple[pd.DataFrame, list[np.ndarray], dict]:
    """Return what `load_clips` does, of the clips of several folders."""
    tables, features = [], []
    for folder in folders:
        clips, x, feature_config = load_clips(of_folder(folder / "videos", params))
        tables.append(clips)
        features += x
    return pd.concat(tables, ignore_index=True), features, feature_config


def official(clips: pd.DataFrame, folders: list[Path], split: int) -> pd.DataFrame:
    """Split by the official lists, with validation groups taken from the training groups as in the pipeline."""
    lists = pd.concat([read_lists(folder / "splits", split) for folder in folders]).drop_duplicates("name")
    splits = lists.set_index("name")["split"]
    return with_validation(clips.assign(split=clips.path.map(splits)), 0.2, 0)


def training_clips(folders: list[Path], params: Params) -> tuple[pd.DataFrame, list[np.ndarray], dict]:
    """Return what `load_folders` does, of the training and validation clips of split 1."""
    clips, x, feature_config = load_folders(folders, params)
    return *without_test(official(clips, folders, split=1), x), feature_config


def without_test(clips: pd.DataFrame, x: list[np.ndarray]) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Return the clips of training and validation, and their features."""
    known = np.flatnonzero(clips.split != "test")
    return clips.iloc[known].reset_index(drop=True), [x[i] for i in known]


def placeholders(folders: list[Path]) -> str:
    """Return the folders as a page has them in the command that wrote it: their names alone."""
    return " ".join(f"<{folder.name}>" for folder in folders)


def leaky(clips: pd.DataFrame, split: int, seed: int) -> pd.DataFrame:
    """Split clip by clip, at random, in the proportions of the official splits: most groups are in all parts."""
    rng = np.random.default_rng([split, seed])
    return clips.assign(split=rng.choice(["train", "val", "test"], len(clips), p=[0.57, 0.15, 0.28]))


def run(
    model: str, clips: pd.DataFrame, x: list[np.ndarray], params: Params, feature_config: dict
) -> tuple[pd.DataFrame, np.ndarray, OutOfFold | None]:
    """Train on the training and validation clips, and predict the test clips: in order, shuffled and reversed.

    Returns the rows of the test clips, their probabilities (N, C), and the out-of-fold logits of a model of ours.
    """
    known, test = clips[clips.split.isin(["train", "val"])], clips[clips.split == "test"]
    x_known, x_test = [x[i] for i in known.index], [x[i] for i in test.index]
    classes = sorted(clips.label.unique())
    views = {
        "predicted": x_test,
        "shuffled": ShuffledInTime(x_test, params.train.seed),
        "reversed": [x_TD[::-1] for x_TD in x_test],
    }
    out_of_fold = None
    if model in KERAS:
        known = known.sort_values(["label", "clip"])
        x_NTD, mask_NT = pad_right([x[i] for i in known.index])
        y_N = torch.tensor([classes.index(label) for label in known.label])
        head = train_keras_head(KERAS[model], x_NTD, mask_NT, y_N, params.train.seed)
        with torch.inference_mode():
            p = {view: head(*pad_right(list(x_view))).softmax(1).numpy() for view, x_view in views.items()}
    else:
        trained, out_of_fold = train(model.removesuffix("_leaky"), known, x_known, params, feature_config)
        p = {view: trained.probabilities(x_view) for view, x_view in views.items()}
    named = {view: [classes[index] for index in p_NC.argmax(1)] for view, p_NC in p.items()}
    p_true = p["predicted"][np.arange(len(test)), [classes.index(label) for label in test.label]]
    return test[["clip", "group", "label"]].assign(**named, p_true=p_true), p["predicted"], out_of_fold


def train(
    name: str, known: pd.DataFrame, x: list[np.ndarray], params: Params, feature_config: dict
) -> tuple[TrainedModel, OutOfFold]:
    """Train a model as its stage does."""
    if name.startswith("baseline"):
        pooling = train_pooling(x, known.label.tolist(), known.group.tolist(), params, feature_config)
        return pooling.model, pooling.out_of_fold
    training, out_of_fold = train_calibrated(name, x, known, params, feature_config)
    return training.model, out_of_fold


def pad_right(features: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack features (T_i, D) to x (N, 20, D), zeros at the end, and mask (N, 20), as the Keras examples do."""
    starts = [to_tensor(x_TD[:STEPS]) for x_TD in features]
    x_NTD = torch.stack([torch.nn.functional.pad(x_TD, (0, 0, 0, STEPS - len(x_TD))) for x_TD in starts])
    mask_NT = torch.arange(STEPS) < torch.tensor([len(x_TD) for x_TD in starts])[:, None]
    return x_NTD, mask_NT


if __name__ == "__main__":
    main()
