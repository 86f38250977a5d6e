"""Train one model of the table in `vidseq.models` on the packed features: `python -m stages.train_head <model>`."""

import sys
from functools import partial
from math import log

import pandas as pd

from stages import run
from vidseq import paths
from vidseq.data.features import clips_with_features, load_features
from vidseq.files import atomic_write, read_json, write_json
from vidseq.params import Params
from vidseq.training.recipe import train_calibrated


def main(params: Params, name: str) -> None:
    """Write models/<name>/, metrics/train_<name>.json, plots/curves_<name>.csv and plots/gradients_<name>.csv.

    The curves are rewritten after each epoch. Beside the model are its out-of-fold logits of the training clips.
    """
    clips = clips_with_features()
    clips = clips[clips.split != "test"]
    features = load_features(clips["clip"])
    feature_config = read_json(paths.FEATURES / "meta.json")["features"]
    show = partial(write_table, paths.PLOTS / f"curves_{name}.csv")
    training, out_of_fold = train_calibrated(name, features, clips, params, feature_config, show)

    with atomic_write(paths.MODELS / name) as folder:
        folder.mkdir()
        training.model.save(folder)
        out_of_fold.save(folder)
    norms = training.grad_norms
    gradients = pd.DataFrame({"step": range(1, len(norms) + 1), "grad_norm": norms})
    write_table(paths.PLOTS / f"gradients_{name}.csv", gradients)
    best = training.curves.loc[training.curves.val_loss.idxmin()]
    metrics = {
        "val_loss": float(best.val_loss),
        "val_accuracy": float(best.val_accuracy),
        "parameters": sum(parameter.numel() for parameter in training.model.head.parameters()),
    }
    write_json(paths.METRICS / f"train_{name}.json", metrics)
    print(f"{name}: best epoch {int(best.epoch)}, validation accuracy {metrics['val_accuracy']:.3f}")
    guess = log(len(training.model.classes))  # the loss of equal probabilities
    if not best.val_loss < guess:
        print(
            f"warning: {name} has learned nothing: its validation loss was never below {guess:.3f}, that of equal "
            f"probabilities for all classes (the best was {best.val_loss:.3g}); lower train.lr (now "
            f"{params.train.lr:g}), raise train.epochs (now {params.train.epochs}), or check the labels"
        )


def write_table(path: paths.Path, table: pd.DataFrame) -> None:
    """Write a table of plots/."""
    with atomic_write(path) as tmp:
        table.to_csv(tmp, index=False, float_format="%.6f")


if __name__ == "__main__":
    run(partial(main, name=sys.argv[1]))
