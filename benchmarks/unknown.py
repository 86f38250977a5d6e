"""Which score tells clips of unknown classes from known ones: every class is left out of training in turn.

The models are trained on the training clips of the other classes; the test clips of the class that was left out are
unknown, those of the others are known. Writes docs/unknown.md.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score

from benchmarks.clips import changed
from benchmarks.heads import load_folders, official, placeholders, train
from vidseq.models import BASELINE, MAIN_MODELS
from vidseq.models.layers import pad_left
from vidseq.models.preprocessing import to_tensor
from vidseq.models.thresholds import choose_known_threshold
from vidseq.models.trained_model import TrainedModel
from vidseq.params import REFUSED, Params, load_params

HEADS = (*MAIN_MODELS, BASELINE)
SCORES = {
    "probability": "largest probability",
    "energy": "energy",
    "distance": "distance to training clips",
}
KEYS = ["model", "class"]
TEXT = """# Telling unknown classes from known ones

Written by `python -m benchmarks.unknown {folders}` (see [results.md](results.md)): each of {classes} classes of UCF101
is left out in turn. Models are trained on the training clips (split 1) of the others; the test clips of the class that
was left out are the unknown ones. AUROC is how often a known clip has a higher score than an unknown one: 0.5 is
chance.

| model | {titles} | known clips refused | their half refused | unknown clips refused |
|---|{rules}---:|---:|---:|
{rows}

Means over the classes left out; in brackets the lowest and the highest class. Each model is one head, not an ensemble.
Largest probability: after the temperature. Energy: the logarithm of the sum of the exponentials of the logits (Liu et
al., 2020). Distance: of the clip's mean features to the nearest training clip, by their angle (a nearest neighbour, Sun
et al., 2022).

The last three columns are of the threshold that `vidseq predict` uses: on the largest probability, chosen on the
out-of-fold scores of the training clips so that it refuses {refused:.0%} of them. Windows are shorter than clips: the
middle column is of the first half of each known clip.
"""


def main() -> None:
    """Run what is not in the results yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ucf101", type=Path, nargs="+", help="folders that hold videos/<Class>/ and splits/, the lists")
    parser.add_argument("--results", type=Path, default=Path("data/benchmark/unknown.csv"))
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    params = changed(
        load_params(Path("params.yaml")), {"train.ensemble": 1}
    )  # of three, it would take three times as long
    clips, features, feature_config = load_folders(arguments.ucf101, params)
    clips = official(clips, arguments.ucf101, split=1)
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    done = set()
    if arguments.results.exists():
        done = set(pd.read_csv(arguments.results)[KEYS].itertuples(index=False, name=None))
    for left_out in sorted(clips.label.unique()):
        for name in HEADS:
            if (name, left_out) in done:
                continue
            row = {"model": name, "class": left_out} | measure(name, left_out, clips, features, params, feature_config)
            header = not arguments.results.exists()
            pd.DataFrame([row]).to_csv(arguments.results, mode="a", header=header, index=False)
            print(f"{name} without {left_out}: AUROC {row['probability']:.3f}", flush=True)
    folders = placeholders(arguments.ucf101)
    write(pd.read_csv(arguments.results), folders, arguments.out)


def measure(
    name: str, left_out: str, clips: pd.DataFrame, x: list[np.ndarray], params: Params, feature_config: dict
) -> dict[str, float]:
    """Return the AUROC of each score, and the fractions refused, of a model that does not know the class `left_out`."""
    training = clips[clips.split.isin(["train", "val"]) & (clips.label != left_out)]
    x_training = [x[i] for i in training.index]
    model, out_of_fold = train(name, training, x_training, params, feature_config)
    test = clips[clips.split == "test"]
    is_known_N, x_test = (test.label != left_out).to_numpy(), [x[i] for i in test.index]
    p_N = model.probabilities(x_test).max(1)
    found = {"probability": p_N, "energy": energy(model, x_test), "distance": -distance(x_test, x_training)}
    threshold = choose_known_threshold(out_of_fold, REFUSED)
    halves = [x_TD[: (len(x_TD) + 1) // 2] for x_TD, is_known in zip(x_test, is_known_N, strict=True) if is_known]
    return {
        **{score: float(roc_auc_score(is_known_N, values_N)) for score, values_N in found.items()},
        "known_refused": float((p_N[is_known_N] < threshold).mean()),
        "halves_refused": float((model.probabilities(halves).max(1) < threshold).mean()),
        "unknown_refused": float((p_N[~is_known_N] < threshold).mean()),
    }


@torch.inference_mode()
def energy(model: TrainedModel, x: list[np.ndarray]) -> np.ndarray:
    """Return the logarithm of the sum of the exponentials of the logits, (N,), mean over the members of an ensemble."""
    members = getattr(model.head, "members", [model.head])
    energies = []
    for inputs in model.batches_of_inputs(x):
        batch = pad_left(inputs)
        energies.append(torch.stack([member(*batch).logsumexp(1) for member in members]).mean(0))
    return torch.cat(energies).numpy()


def distance(x: list[np.ndarray], x_training: list[np.ndarray]) -> np.ndarray:
    """Return 1 minus the cosine between a clip's mean features and those of the nearest training clip, (N,)."""
    means = [torch.stack([to_tensor(x_TD).mean(0) for x_TD in of_clips]) for of_clips in (x, x_training)]
    mean_D = means[1].mean(0)
    of_clips_ND, of_training_ND = (torch.nn.functional.normalize(means_ND - mean_D) for means_ND in means)
    return (1 - (of_clips_ND @ of_training_ND.T).amax(1)).numpy()


def write(results: pd.DataFrame, folders: str, out: Path) -> None:
    """Write docs/unknown.md."""
    rows = []
    for name in HEADS:
        of_model = results[results.model == name]
        cells = [f"{of_model[s].mean():.3f} ({of_model[s].min():.2f} – {of_model[s].max():.2f})" for s in SCORES]
        cells += [f"{of_model[c].mean():.3f}" for c in ("known_refused", "halves_refused", "unknown_refused")]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    text = TEXT.format(
        folders=folders, classes=results["class"].nunique(), titles=" | ".join(SCORES.values()),
        rules="---:|" * len(SCORES), rows="\n".join(rows), refused=REFUSED,
    )  # fmt: skip
    out.mkdir(exist_ok=True)
    (out / "unknown.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
