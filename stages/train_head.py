"""Train one head, `rnn`, `rnn_causal` (the same, one way only) or `transformer`, on the cached features."""

import sys

import pandas as pd

from stages import run
from vidseq import features, paths
from vidseq.files import read_json, replacing, write_json
from vidseq.params import Params
from vidseq.prediction_tables import write_predictions
from vidseq.recipe import train_model


def main(params: Params, name: str) -> None:
    """Write models/<name>/, metrics/train_<name>.json, plots/curves_<name>.csv and plots/gradients_<name>.csv.

    Beside the model stands validation.csv, what it said of the validation clips before it was refit on them too.
    """
    if name == "rnn_causal":
        params = params.model_copy(update={"rnn": params.rnn.model_copy(update={"bidirectional": False})})
    clips = features.clips_with_features(paths.CLIP_TABLE, paths.FEATURES)
    clips = clips[clips.split != "test"]
    sequences = features.load_sequences(paths.FEATURES, clips["clip"].tolist())
    backbone = read_json(paths.FEATURES / "meta.json")["backbone"]
    val = (clips.split == "val").to_numpy()
    head = "rnn" if name == "rnn_causal" else name
    model, curves, grad_norms, p_NC = train_model(head, sequences, clips.label.tolist(), val, params, backbone)

    with replacing(paths.MODELS / name) as folder:
        folder.mkdir()
        model.save(folder)
        write_predictions(clips[val], p_NC.numpy(), model.classes, folder / "validation.csv")
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
        "parameters": sum(parameter.numel() for parameter in model.head.parameters()),
    }
    write_json(paths.METRICS / f"train_{name}.json", summary)
    print(f"{name}: best epoch {int(best.epoch)}, validation accuracy {best.val_accuracy:.3f}")


if __name__ == "__main__":
    run(lambda params: main(params, sys.argv[1]))
