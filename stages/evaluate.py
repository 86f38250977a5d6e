"""Measure the models and the pooling baseline on the test clips, which no stage before this one has used."""

from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay

from stages import run
from vidseq import paths
from vidseq.data.features import clips_with_features, load_features
from vidseq.data.frame_plan import read_durations
from vidseq.data.predictions import read_predictions, write_predictions
from vidseq.evaluation.alarm import Alarm, alarm_class, choose_threshold
from vidseq.evaluation.baseline import PoolingBaseline
from vidseq.evaluation.bootstrap import GroupBootstrap, compare
from vidseq.evaluation.early import accuracy_by_fraction, online_cost, shuffled_in_time
from vidseq.evaluation.metrics import classification_metrics, precision_recall_points, reliability_points
from vidseq.files import atomic_write, read_json, write_json
from vidseq.models import BASELINE, MODELS
from vidseq.models.trained_model import load_model
from vidseq.params import AlarmParams, Params

COMPARED = ("accuracy", "precision", "recall", "f1", "log_loss")  # what dvc metrics diff and dvc exp show compare


class Model(Protocol):
    """What is measured."""

    def probabilities(self, features: list[np.ndarray]) -> np.ndarray:
        """Return probabilities (N, C) of clips' features (T_i, D)."""


@dataclass(frozen=True)
class Part:
    """The clips of one part of the split, their features (T_i, D) and their classes as numbers."""

    clips: pd.DataFrame
    features: list[np.ndarray]
    y_N: np.ndarray


def main(params: Params) -> None:
    """Write metrics/evaluation.json, data/predictions/, and the confusion matrices and curves in plots/.

    metrics/test.json holds the few numbers that experiments are compared by.
    """
    clips = clips_with_features()
    classes = sorted(clips.label.unique())
    train, val, test = (read_part(clips[clips.split == split], classes) for split in ("train", "val", "test"))
    bootstrap = GroupBootstrap(test.clips.group.to_numpy(), params.evaluate.bootstrap_seed)
    models: dict[str, Model] = {name: load_model(paths.MODELS / name) for name in MODELS}
    models[BASELINE] = PoolingBaseline([*train.features, *val.features], [*train.y_N, *val.y_N])
    # the threshold of an alarm is chosen by models that have not seen the validation clips
    p_val = {name: read_predictions(paths.MODELS / name / "validation.csv", classes)[1] for name in MODELS}
    p_val[BASELINE] = PoolingBaseline(train.features, [*train.y_N]).probabilities(val.features)

    label = alarm_class(params.evaluate.alarm.class_, train.clips.label.tolist())
    seconds_N = read_durations()[test.clips["clip"]].to_numpy()
    shuffled = shuffled_in_time(test.features, params.evaluate.shuffle_seed)
    metrics: dict[str, dict] = {}
    alarms: dict[str, dict] = {}
    order: dict[str, dict] = {}
    right: dict[str, np.ndarray] = {}
    curves: dict[str, list[pd.DataFrame]] = {}

    def add(curve: str, model: str, rows: list[dict]) -> None:
        curves.setdefault(curve, []).append(pd.DataFrame({"model": model} | row for row in rows))

    with atomic_write(paths.PREDICTIONS) as folder:
        folder.mkdir()
        for name, model in models.items():
            p_NC = model.probabilities(test.features)
            write_predictions(test.clips, p_NC, classes, folder / f"{name}.csv")
            metrics[name] = classification_metrics(test.y_N, p_NC, classes, bootstrap)
            right[name] = p_NC.argmax(1) == test.y_N
            if name != BASELINE:  # which is blind to order
                right_shuffled_N = model.probabilities(shuffled).argmax(1) == test.y_N
                metrics[name]["accuracy_shuffled"] = float(right_shuffled_N.mean())
                order[name] = compare(right[name], right_shuffled_N, bootstrap)
            index = classes.index(label)
            alarm = Alarm(test.y_N == index, p_NC[:, index], seconds_N)
            alarms[name] = operating_point(
                alarm, val.y_N == index, p_val[name][:, index], params.evaluate.alarm, bootstrap
            )
            add("alarm_cost", name, alarm.cost_curve())
            add("early", name, accuracy_by_fraction(model.probabilities, test.features, test.y_N, bootstrap))
            add("f1", name, [{"class": c, "f1": row["f1"]} for c, row in metrics[name]["per_class"].items()])
            add("precision_recall", name, precision_recall_points(test.y_N, p_NC, classes))
            add("reliability", name, reliability_points(test.y_N, p_NC, classes))
            write_confusion(name, test, p_NC, classes)
            print(f"{name:>12}: accuracy {metrics[name]['accuracy']:.3f}, macro F1 {metrics[name]['f1']:.3f}")
    for curve, tables in curves.items():
        with atomic_write(paths.PLOTS / f"{curve}.csv") as table:
            pd.concat(tables).to_csv(table, index=False, float_format="%.6f")

    image_types = read_json(paths.FEATURES / "meta.json")["features"]["image_types"]
    evaluation = {
        "models": metrics,
        "comparisons": [
            {"first": a, "second": b} | compare(right[a], right[b], bootstrap) for a, b in combinations(models, 2)
        ],
        "order": order,
        "alarm": {"class": label, "min_recall": params.evaluate.alarm.min_recall, "models": alarms},
        "online": online_cost(test.features, len(image_types)),
        "test": {"clips": len(test.clips), "groups": bootstrap.groups, "hours": float(seconds_N.sum() / 3600)},
    }
    write_json(paths.METRICS / "evaluation.json", evaluation)
    compared = {name: {key: of_model[key] for key in COMPARED} for name, of_model in metrics.items()}
    write_json(paths.METRICS / "test.json", compared)


def read_part(clips: pd.DataFrame, classes: list[str]) -> Part:
    """Read one part of the split."""
    return Part(clips, load_features(clips["clip"]), np.array([classes.index(label) for label in clips.label]))


def operating_point(
    alarm: Alarm, is_class_val_N: np.ndarray, p_val_N: np.ndarray, settings: AlarmParams, bootstrap: GroupBootstrap
) -> dict:
    """Choose a model's threshold on validation, and return what the alarm does with it on the test clips."""
    threshold = choose_threshold(is_class_val_N, p_val_N, settings.min_recall)
    return {"threshold": threshold} | alarm.operating_point(threshold, bootstrap)


def write_confusion(name: str, test: Part, p_NC: np.ndarray, classes: list[str]) -> None:
    """Write a confusion matrix as a table for DVC and as an image: both have counts."""
    predicted_N = p_NC.argmax(1)
    with atomic_write(paths.PLOTS / "confusion" / f"{name}.csv") as table:
        predicted = [classes[index] for index in predicted_N]
        pd.DataFrame({"label": test.clips.label, "predicted": predicted}).to_csv(table, index=False)
    side = 2.5 + 0.55 * len(classes)
    with rc_context({"text.parse_math": False}), atomic_write(paths.PLOTS / "confusion" / f"{name}.png") as image:
        figure = Figure(figsize=(side + 0.5, side), dpi=120, layout="constrained")
        axes = figure.add_subplot()
        ConfusionMatrixDisplay.from_predictions(
            test.y_N, predicted_N, labels=range(len(classes)), display_labels=classes, ax=axes, cmap="Blues",
            colorbar=False, xticks_rotation=45,
        )  # fmt: skip
        axes.set_xticks(range(len(classes)), classes, ha="right", rotation_mode="anchor")
        axes.set_title(f"{name}: {(predicted_N == test.y_N).mean():.1%} of {len(test.clips)} test clips")
        figure.savefig(image, format="png")


if __name__ == "__main__":
    run(main)
