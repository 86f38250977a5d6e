"""What each ingredient of the recipe adds, by cross-validation over the groups of one split's training clips.

The test clips of that split take no part. Results go fold by fold into one CSV (resumes), the table into
docs/ablation.md.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks.clips import changed, load_clips
from vidseq.heads import HEADS
from vidseq.params import Params, load_params
from vidseq.recipe import train_model
from vidseq.splits import read_lists

FOLDS = 5
VARIANTS: dict[str, dict[str, object]] = {
    "the recipe": {},
    "frames alone": {"streams.show": ["frame"]},
    "frames alone, with their change and distance": {"streams.show": ["frame", "frame_change", "frame_distance"]},
    "without frame": {"streams.show": ["motion", "motion_distance"]},
    "without motion": {"streams.show": ["frame", "motion_distance"]},
    "without motion_distance": {"streams.show": ["frame", "motion"]},
    "without mirrored clips": {"train.mirror": False},
    "without random windows": {"train.window": 1.0},
    "without dropout of features": {"model.feature_dropout": 0.0},
}
PREFACE = """# What each ingredient adds

Written by `python -m benchmarks.ablation <ucf101>` (see [results.md](results.md)). Accuracy and log loss of
{folds}-fold cross-validation over the groups of the {clips} training clips of split {split}; the test clips take
no part. Repeats, with other folds and seeds: {repeats}; ± is their standard deviation. Differences below 0.015 or so
decide nothing.

| | RNN | | Transformer | |
|---|---:|---:|---:|---:|
| | accuracy | log loss | accuracy | log loss |
"""


def main() -> None:
    """Run what is not in the results yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ucf101", type=Path, help="a folder that holds videos/<Class>/ and the official lists, splits/")
    parser.add_argument("--split", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--results", type=Path, default=Path("data/benchmark/ablation.csv"))
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    params = load_params(Path("params.yaml"))
    clips, x, backbone = load_clips(arguments.ucf101 / "videos", params)
    sides = read_lists(arguments.ucf101 / "splits", arguments.split).set_index("name").split
    is_train = (clips.path.map(sides) == "train").to_numpy()
    clips, x = clips[is_train].reset_index(drop=True), [x[i] for i in np.flatnonzero(is_train)]

    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    done = set()
    if arguments.results.exists():
        done = set(pd.read_csv(arguments.results)[["variant", "head", "repeat"]].itertuples(index=False, name=None))
    for repeat in range(arguments.repeats):
        for variant, changes in VARIANTS.items():
            for head in HEADS:
                if (variant, head, repeat) not in done:
                    row = cross_validate(head, clips, x, changed(params, {**changes, "train.seed": repeat}), backbone)
                    row |= {"variant": variant, "head": head, "repeat": repeat}
                    header = not arguments.results.exists()
                    pd.DataFrame([row]).to_csv(arguments.results, mode="a", header=header, index=False)
                    print(f"repeat {repeat} {head}, {variant}: accuracy {row['accuracy']:.3f}", flush=True)
    write_table(pd.read_csv(arguments.results), len(clips), arguments)


def cross_validate(head: str, clips: pd.DataFrame, x: list[torch.Tensor], params: Params, backbone: dict) -> dict:
    """Train on all folds but one by the whole schedule, predict that one; returns accuracy and log loss over all."""
    params = changed(params, {"train.refit": False})
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=params.train.seed)
    p_N = np.zeros(len(clips))
    right_N = np.zeros(len(clips), bool)
    for known, held_out in folds.split(clips, clips.label, clips.group):
        labels = clips.label.iloc[known].tolist()
        no_val = np.zeros(len(known), bool)
        model, *_ = train_model(head, [x[i] for i in known], labels, no_val, params, backbone)
        p_NC = model.probabilities([x[i] for i in held_out]).numpy()
        y_N = np.array([model.classes.index(label) for label in clips.label.iloc[held_out]])
        p_N[held_out] = p_NC[np.arange(len(y_N)), y_N]
        right_N[held_out] = p_NC.argmax(1) == y_N
    return {"accuracy": right_N.mean(), "log_loss": -np.log(p_N.clip(1e-7)).mean()}


def write_table(results: pd.DataFrame, clips: int, arguments: argparse.Namespace) -> None:
    """Write docs/ablation.md: one row for each variant that was run, in the order of VARIANTS."""
    preface = PREFACE.format(folds=FOLDS, split=arguments.split, clips=clips, repeats=results.repeat.nunique())
    lines = []
    for variant in (name for name in VARIANTS if (results.variant == name).any()):
        cells = []
        for head in HEADS:
            rows = results[(results.variant == variant) & (results["head"] == head)]
            spread = f" ± {rows.accuracy.std():.3f}" if len(rows) > 1 else ""
            cells += [f"{rows.accuracy.mean():.3f}{spread}", f"{rows.log_loss.mean():.3f}"]
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    arguments.out.mkdir(exist_ok=True)
    (arguments.out / "ablation.md").write_text(preface + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
