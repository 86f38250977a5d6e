"""Measure the heads and the order-blind baseline on the test clips, which nothing before this stage has looked at."""

import numpy as np
import pandas as pd

from stages import run
from vidseq import alarm, early, features, paths, pictures
from vidseq.baseline import fit_baseline, mean_over_time
from vidseq.files import replacing, write_json
from vidseq.metrics import classification_metrics, precision_recall_points, reliability_points
from vidseq.params import Params
from vidseq.prediction_tables import read_predictions, write_predictions
from vidseq.sequences import shuffled_in_time
from vidseq.trained_model import load_model
from vidseq.uncertainty import compare

TRAINED = ("rnn", "rnn_causal", "transformer")
PAIRS = (("rnn", "transformer"), ("rnn", "baseline"), ("transformer", "baseline"), ("rnn", "rnn_causal"))
COMPARED = ("accuracy", "accuracy_shuffled", "balanced_accuracy", "f1_macro", "log_loss", "expected_calibration_error")
PICTURED = ("rnn", "transformer", "baseline")


def main(params: Params) -> None:
    """Write metrics/evaluation.json, data/predictions/, and the confusion matrices and curves in plots/.

    metrics/test.json holds the few numbers that experiments are compared by.
    """
    clips = features.clips_with_features(paths.CLIP_TABLE, paths.FEATURES)
    sides = {side: clips[clips.split == side] for side in ("train", "val", "test")}
    test, groups_N, seed = sides["test"], sides["test"].group.to_numpy(), params.evaluate.bootstrap_seed
    classes = sorted(clips.label.unique())
    y = {side: np.array([classes.index(label) for label in table.label]) for side, table in sides.items()}
    x = {side: features.load_sequences(paths.FEATURES, table["clip"].tolist()) for side, table in sides.items()}
    shuffled = shuffled_in_time(x["test"], params.evaluate.shuffle_seed)

    models = {name: load_model(paths.MODELS / name) for name in TRAINED}
    chances = {
        name: lambda sequences, model=model: model.probabilities(sequences).numpy() for name, model in models.items()
    }
    baseline = fit_baseline([*x["train"], *x["val"]], [*y["train"], *y["val"]])
    chances["baseline"] = lambda sequences: baseline.predict_proba(mean_over_time(sequences))
    p = {name: of_model(x["test"]) for name, of_model in chances.items()}
    right = {name: p_NC.argmax(1) == y["test"] for name, p_NC in p.items()}

    report: dict = {}
    for name, p_NC in p.items():
        report[name] = classification_metrics(y["test"], p_NC, classes, groups_N, seed)
    report["comparisons"] = {f"{a}_{b}": compare(right[a], right[b], groups_N, seed) for a, b in PAIRS}
    report["order"] = {}
    for name in TRAINED:
        right_shuffled = chances[name](shuffled).argmax(1) == y["test"]
        report[name] = {"accuracy_shuffled": float(right_shuffled.mean())} | report[name]
        report["order"][name] = compare(right[name], right_shuffled, groups_N, seed)

    p_val = {name: read_predictions(paths.MODELS / name / "validation.csv", classes)[1] for name in TRAINED}
    unseen = fit_baseline(x["train"], list(y["train"]))  # as the heads: the threshold's clips were not in training
    p_val["baseline"] = unseen.predict_proba(mean_over_time(x["val"]))
    report["alarm"], costs = alarms(params, sides, y, p_val, p)
    report["test"] = {"clips": len(test), "groups": test.group.nunique(), "hours": float(seconds_of(test).sum() / 3600)}
    write_json(paths.METRICS / "evaluation.json", report)
    write_json(
        paths.METRICS / "test.json", {n: {key: report[n][key] for key in COMPARED if key in report[n]} for n in p}
    )

    with replacing(paths.PREDICTIONS) as folder:
        folder.mkdir()
        for name, p_NC in p.items():
            write_predictions(test, p_NC, classes, folder / f"{name}.csv")
    curves = {
        name: early.accuracy_by_fraction(of, x["test"], y["test"], groups_N, seed) for name, of in chances.items()
    }
    write_rows("early", curves)
    write_rows("alarm_cost", costs)
    write_rows(
        "precision_recall", {name: precision_recall_points(y["test"], p_NC, classes) for name, p_NC in p.items()}
    )
    write_rows("reliability", {name: reliability_points(y["test"], p_NC, classes) for name, p_NC in p.items()})
    f1 = {n: [{"class": c, "f1": row["f1"]} for c, row in report[n]["per_class"].items()] for n in PICTURED}
    write_rows("f1", f1)
    for name in PICTURED:
        predicted = [classes[column] for column in p[name].argmax(1)]
        with replacing(paths.PLOTS / f"confusion_{name}.csv") as table:
            pd.DataFrame({"label": test.label, "predicted": predicted}).to_csv(table, index=False)
        title = f"{name}: {report[name]['accuracy']:.1%} of {len(test)} test clips"
        path = paths.PLOTS / f"confusion_{name}.png"
        pictures.confusion_picture(y["test"], p[name].argmax(1), classes, title, path)
        print(f"{name:>12}: accuracy {report[name]['accuracy']:.3f}, macro F1 {report[name]['f1_macro']:.3f}")
    longest = max(x["test"], key=len)
    write_json(paths.cache("times") / "online.json", early.online_cost(models["rnn"], models["rnn_causal"], longest))


def alarms(params: Params, sides: dict, y: dict, p_val: dict, p: dict) -> tuple[dict, dict[str, list[dict]]]:
    """Choose each model's threshold on validation, and measure on test what the alarm does there, and at any other."""
    settings, test = params.evaluate.alarm, sides["test"]
    label = alarm.alarm_class(settings.class_, sides["train"].label.tolist())
    column = sorted(sides["train"].label.unique()).index(label)
    seconds_N = seconds_of(test)
    report, costs = {"class": label, "min_recall": settings.min_recall}, {}
    for name, p_NC in p.items():
        is_class_N, scores_N = y["test"] == column, p_NC[:, column]
        threshold = alarm.choose_threshold(y["val"] == column, p_val[name][:, column], settings.min_recall)
        groups_N, seed = test.group.to_numpy(), params.evaluate.bootstrap_seed
        point = alarm.operating_point(is_class_N, scores_N, seconds_N, threshold, groups_N, seed)
        report[name] = {"threshold": threshold} | point
        costs[name] = alarm.cost_curve(is_class_N, scores_N, seconds_N)
    return report, costs


def seconds_of(clips: pd.DataFrame) -> np.ndarray:
    """Return how long each clip of the table is, in s."""
    return pd.read_parquet(paths.FRAME_PLAN).groupby("clip").duration.first()[clips["clip"]].to_numpy()


def write_rows(name: str, of_models: dict[str, list[dict]]) -> None:
    """Write plots/<name>.csv: the rows of each model under its name."""
    rows = [{"model": model} | row for model, rows in of_models.items() for row in rows]
    with replacing(paths.PLOTS / f"{name}.csv") as table:
        pd.DataFrame(rows).to_csv(table, index=False, float_format="%.6f")


if __name__ == "__main__":
    run(main)
