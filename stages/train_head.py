"""Train one head, `rnn` or `transformer`, on the cached features."""

import sys
from importlib.metadata import version

import pandas as pd
import pytorch_lightning as pl

from stages import run
from vidseq import features, paths
from vidseq.files import read_json, replacing, write_json
from vidseq.heads import build_head
from vidseq.params import Params
from vidseq.sequences import batches
from vidseq.trained_model import TrainedModel
from vidseq.training import fit


def main(params: Params, name: str) -> None:
    """Write models/<name>/, metrics/train_<name>.json, plots/curves_<name>.csv and plots/gradients_<name>.csv."""
    index = pd.read_csv(paths.FEATURES / "index.csv", dtype={"clip": str})
    clips = pd.read_csv(paths.CLIP_TABLE, dtype=str)
    clips = clips[clips["clip"].isin(index["clip"])]
    classes = sorted(clips.label.unique())
    meta = read_json(paths.FEATURES / "meta.json")
    settings = {section: getattr(params, section).model_dump() for section in ("model", name, "train")}

    pl.seed_everything(params.train.seed, verbose=False)
    loaders = []
    for side in ("train", "val"):
        members = clips[clips.split == side]
        labels = [classes.index(label) for label in members.label]
        sequences = features.load_sequences(paths.FEATURES, members["clip"].tolist())
        loaders.append(batches(sequences, labels, params.train.batch_size, shuffle=side == "train"))
    head = build_head(name, meta["dim"], len(classes), settings)
    curves, grad_norms = fit(name, head, *loaders, params.train)

    card = {
        "head": name,
        "classes": classes,
        "feature_dim": meta["dim"],
        "settings": settings,
        "frames": params.frames.model_dump(),
        "backbone": meta["backbone"],
        "versions": {package: version(package) for package in ("torch", "timm")},
    }
    with replacing(paths.MODELS / name) as folder:
        folder.mkdir()
        TrainedModel(head, card).save(folder)
    with replacing(paths.PLOTS / f"curves_{name}.csv") as table:
        curves.to_csv(table, index=False, float_format="%.6f")
    with replacing(paths.PLOTS / f"gradients_{name}.csv") as table:
        steps = pd.DataFrame({"step": range(1, len(grad_norms) + 1), "grad_norm": grad_norms})
        steps.to_csv(table, index=False, float_format="%.6f")
    best = curves.loc[curves.val_loss.idxmin()]
    summary = {
        "epochs": len(curves),
        "best_epoch": int(best.epoch),
        "val_loss": float(best.val_loss),
        "val_accuracy": float(best.val_accuracy),
        "grad_norm_max": max(grad_norms),
        "parameters": sum(parameter.numel() for parameter in head.parameters()),
    }
    write_json(paths.METRICS / f"train_{name}.json", summary)
    print(f"{name}: best epoch {int(best.epoch)}, validation accuracy {best.val_accuracy:.3f}")


if __name__ == "__main__":
    run(lambda params: main(params, sys.argv[1]))
