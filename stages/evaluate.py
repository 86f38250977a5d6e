"""Measure the models on the test clips, which no stage before this one has used."""

from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from stages import run
from vidseq import paths
from vidseq.data.features import clips_with_features, load_features
from vidseq.data.frame_plan import read_durations
from vidseq.data.predictions import write_predictions
from vidseq.evaluation.alarm import Alarm, alarm_class
from vidseq.evaluation.bootstrap import GroupBootstrap, compare
from vidseq.evaluation.early import (
    EverySecond,
    ShuffledInTime,
    accuracy_by_fraction,
    online_cost,
    probabilities_by_fraction,
)
from vidseq.evaluation.metrics import classification_metrics, precision_recall_points, reliability_points
from vidseq.files import atomic_write, read_json, write_json
from vidseq.models import BASELINE, MODELS
from vidseq.models.thresholds import OutOfFold, choose_threshold
from vidseq.models.trained_model import load_model
from vidseq.params import Params

COMPARED = ("accuracy", "precision", "recall", "f1", "log_loss")  # what dvc metrics diff and dvc exp show compare

FEW_CLASSES = 20  # whose confusion matrix has large cells


def main(params: Params) -> None:
    """Write metrics/evaluation.json, data/predictions/, and the confusion matrices and curves in plots/.

    metrics/test.json holds the few numbers that experiments are compared by.
    """
    clips = clips_with_features()
    classes = sorted(clips.label.unique())
    train, test = clips[clips.split == "train"], clips[clips.split == "test"]
    features, y_N = load_features(test["clip"]), np.array([classes.index(label) for label in test.label])
    shuffled = ShuffledInTime(features, params.evaluate.shuffle_seed)
    seconds_N = read_durations()[test["clip"]].to_numpy()
    bootstrap = GroupBootstrap(test.group.to_numpy(), params.evaluate.bootstrap_seed)
    label = alarm_class(params.evaluate.alarm.class_, train.label.tolist())
    min_recall = params.evaluate.alarm.min_recall
    metrics: dict[str, dict] = {}
    alarms: dict[str, dict] = {}
    order: dict[str, dict] = {}
    half_rate: dict[str, dict] = {}
    right: dict[str, np.ndarray] = {}
    curves: dict[str, list[pd.DataFrame]] = {}

    def add(curve: str, model: str, rows: list[dict]) -> None:
        curves.setdefault(curve, []).append(pd.DataFrame({"model": model} | row for row in rows))

    with atomic_write(paths.PREDICTIONS) as folder:
        folder.mkdir()
        for name in (*MODELS, BASELINE):
            model = load_model(paths.MODELS / name)
            p_NC = model.probabilities(features)
            write_predictions(test, p_NC, classes, folder / f"{name}.csv")
            metrics[name] = classification_metrics(y_N, p_NC, classes, bootstrap)
            right[name] = p_NC.argmax(1) == y_N
            right_shuffled_N = model.probabilities(shuffled).argmax(1) == y_N
            metrics[name]["accuracy_shuffled"] = float(right_shuffled_N.mean())
            order[name] = compare(right[name], right_shuffled_N, bootstrap)
            right_half_N = model.probabilities(EverySecond(features)).argmax(1) == y_N
            metrics[name]["accuracy_half_rate"] = float(right_half_N.mean())
            half_rate[name] = compare(right[name], right_half_N, bootstrap)
            index = classes.index(label)
            alarm = Alarm(y_N == index, p_NC[:, index], seconds_N)
            threshold = choose_threshold(OutOfFold.load(paths.MODELS / name, len(classes)), index, min_recall)
            alarms[name] = {"threshold": threshold} | alarm.operating_point(threshold, bootstrap)
            add("alarm_cost", name, alarm.cost_curve())
            add("early", name, accuracy_by_fraction(probabilities_by_fraction(model, features), y_N, bootstrap))
            add("f1", name, [{"class": c, "f1": row["f1"]} for c, row in metrics[name]["per_class"].items()])
            add("precision_recall", name, precision_recall_points(y_N, p_NC, classes))
            add("reliability", name, reliability_points(y_N, p_NC, classes))
            write_confusion(name, y_N, p_NC, classes)
            print(f"{name:>12}: accuracy {metrics[name]['accuracy']:.3f}, macro F1 {metrics[name]['f1']:.3f}")
    for curve, tables in curves.items():
        with atomic_write(paths.PLOTS / f"{curve}.csv") as table:
            pd.concat(tables).to_csv(table, index=False, float_format="%.6f")

    image_types = read_json(paths.FEATURES / "meta.json")["features"]["image_types"]
    evaluation = {
        "models": metrics,
        "comparisons": [
            {"first": a, "second": b} | compare(right[a], right[b], bootstrap) for a, b in combinations(right, 2)
        ],
        "order": order,
        "half_rate": half_rate,
        "alarm": {"class": label, "min_recall": min_recall, "models": alarms},
        "online": online_cost(features, len(image_types)),
        "test": {"clips": len(test), "groups": bootstrap.groups, "hours": float(seconds_N.sum() / 3600)},
    }
    write_json(paths.METRICS / "evaluation.json", evaluation)
    compared = {name: {key: of_model[key] for key in COMPARED} for name, of_model in metrics.items()}
    write_json(paths.METRICS / "test.json", compared)


def write_confusion(name: str, y_N: np.ndarray, p_NC: np.ndarray, classes: list[str]) -> None:
    """Write a confusion matrix as a table for DVC and as an image: both have counts, and no number is 0."""
    predicted_N = p_NC.argmax(1)
    with atomic_write(paths.PLOTS / "confusion" / f"{name}.csv") as table:
        columns = {"label": y_N, "predicted": predicted_N}
        named = {column: [classes[index] for index in of_column] for column, of_column in columns.items()}
        pd.DataFrame(named).to_csv(table, index=False)
    counts_CC = confusion_matrix(y_N, predicted_N, labels=range(len(classes)))
    few = len(classes) <= FEW_CLASSES
    side = 2.5 + (0.55 if few else 0.2) * len(classes)
    with rc_context({"text.parse_math": False}), atomic_write(paths.PLOTS / "confusion" / f"{name}.png") as image:
        figure = Figure(figsize=(side + 0.5, side), dpi=120, layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(counts_CC, cmap="Blues")
        for row, column in np.argwhere(counts_CC):  # where there are many classes, most cells are 0
            colour = "white" if counts_CC[row, column] > counts_CC.max() / 2 else "black"
            text = str(counts_CC[row, column])
            number = axes.text(column, row, text, ha="center", va="center", color=colour, size=10 if few else 6)
            number.set_in_layout(False)  # thousands of them would be measured for it
        size, ticks = 10 if few else 7, range(len(classes))
        axes.set_xticks(ticks, classes, size=size, rotation=45 if few else 90, ha="right", rotation_mode="anchor",
                        va="top" if few else "center")  # fmt: skip
        axes.set_yticks(ticks, classes, size=size)
        axes.set(xlabel="Predicted label", ylabel="True label")
        axes.set_title(f"{name}: {(predicted_N == y_N).mean():.1%} of {len(y_N)} test clips")
        figure.savefig(image, format="png")


if __name__ == "__main__":
    run(main)
