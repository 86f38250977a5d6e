"""Measure both heads and the order-blind baseline on the test clips, which nothing before this stage has looked at."""

import numpy as np
import pandas as pd
import torch

from stages import run
from vidseq import features, paths, pictures
from vidseq.baseline import fit_baseline, mean_over_time
from vidseq.files import replacing, write_json
from vidseq.heads import HEADS
from vidseq.metrics import classification_metrics
from vidseq.params import Params
from vidseq.trained_model import load_model


def main(params: Params) -> None:
    """Write metrics/evaluation.json, data/predictions/, and the confusion matrices in plots/."""
    clips = features.clips_with_features(paths.CLIP_TABLE, paths.FEATURES)
    test, rest = clips[clips.split == "test"], clips[clips.split != "test"]
    classes = sorted(clips.label.unique())
    y = np.array([classes.index(label) for label in test.label])
    sequences = features.load_sequences(paths.FEATURES, test["clip"].tolist())
    shuffled = shuffle_frames(sequences, params.evaluate.shuffle_seed)

    models = {name: load_model(paths.MODELS / name) for name in HEADS}
    probabilities = {name: model.probabilities(sequences).numpy() for name, model in models.items()}
    known = features.load_sequences(paths.FEATURES, rest["clip"].tolist())
    baseline = fit_baseline(known, [classes.index(label) for label in rest.label])
    probabilities["baseline"] = baseline.predict_proba(mean_over_time(sequences))

    report = {name: classification_metrics(y, p_NC.argmax(1), classes) for name, p_NC in probabilities.items()}
    for name, model in models.items():
        accuracy = (model.probabilities(shuffled).argmax(1).numpy() == y).mean()
        report[name] = {"accuracy": report[name]["accuracy"], "accuracy_shuffled": float(accuracy)} | report[name]
    write_json(paths.METRICS / "evaluation.json", report)

    with replacing(paths.PREDICTIONS) as folder:
        folder.mkdir()
        for name, p_NC in probabilities.items():
            write_predictions(test, p_NC, classes, folder / f"{name}.csv")
    for name, p_NC in probabilities.items():
        predicted = [classes[column] for column in p_NC.argmax(1)]
        with replacing(paths.PLOTS / f"confusion_{name}.csv") as table:
            pd.DataFrame({"label": test.label, "predicted": predicted}).to_csv(table, index=False)
        title = f"{name}: {report[name]['accuracy']:.1%} of {len(y)} test clips"
        pictures.confusion_picture(y, p_NC.argmax(1), classes, title, paths.PLOTS / f"confusion_{name}.png")
        print(f"{name:>12}: accuracy {report[name]['accuracy']:.3f}, macro F1 {report[name]['f1_macro']:.3f}")


def shuffle_frames(sequences: list[torch.Tensor], seed: int) -> list[torch.Tensor]:
    """Return the series with their time steps in random order."""
    generator = torch.Generator().manual_seed(seed)
    return [x_TD[torch.randperm(len(x_TD), generator=generator)] for x_TD in sequences]


def write_predictions(test: pd.DataFrame, p_NC: np.ndarray, classes: list[str], path: paths.Path) -> None:
    """Write one row a test clip: clip, label, predicted, and the probability of every class."""
    table = test[["clip", "label"]].assign(predicted=[classes[column] for column in p_NC.argmax(1)])
    chances = pd.DataFrame(p_NC, columns=classes, index=table.index)
    pd.concat([table, chances], axis=1).to_csv(path, index=False, float_format="%.6f")


if __name__ == "__main__":
    run(main)
