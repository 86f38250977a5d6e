"""The numbers of a classification, overall and per class, each with its interval over groups of clips.

Every one is a function of sums over clips, so the bootstrap draws sums and never touches the clips again.
"""

from math import nan

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve

from vidseq.uncertainty import interval, resample, sum_by_group

BINS = 15  # of the expected calibration error: equal widths, by the probability of the predicted class


def classification_metrics(
    y_N: np.ndarray, p_NC: np.ndarray, classes: list[str], groups_N: np.ndarray, seed: int
) -> dict:
    """Return overall numbers, `intervals` of them (95 %, [low, high], null for one group alone), and `per_class`.

    Names and degenerate cases are scikit-learn's: a class never predicted has precision 0, a class without clips
    recall 0, and is left out of the balanced accuracy. `brier_score` is the mean squared distance from the one-hot
    truth (0 to 2), `expected_calibration_error` that of the predicted class in 15 bins.
    """
    terms_NK = clip_terms(y_N, p_NC)
    overall, per_class = _numbers(terms_NK.sum(0, keepdims=True), len(classes), absent=0.0)
    sums_GK = sum_by_group(terms_NK, groups_N)
    draws, draws_per_class = _numbers(resample(sums_GK, np.random.default_rng(seed)), len(classes), absent=nan)
    metrics = {name: float(value[0]) for name, value in overall.items()}
    metrics["intervals"] = {name: interval(values, len(sums_GK)) for name, values in draws.items()}
    metrics["per_class"] = {}
    for column, label in enumerate(classes):
        is_class = y_N == column
        row = {name: float(value[0, column]) for name, value in per_class.items()}
        row["average_precision"] = float(average_precision_score(is_class, p_NC[:, column])) if is_class.any() else None
        row["support"] = int(is_class.sum())
        row["intervals"] = {name: interval(v[:, column], len(sums_GK)) for name, v in draws_per_class.items()}
        metrics["per_class"][label] = row
    return metrics


def clip_terms(y_N: np.ndarray, p_NC: np.ndarray) -> np.ndarray:
    """Return for each clip the terms that all numbers are made of, (N, 3 C + 3 + 2 BINS)."""
    p_NC = np.asarray(p_NC, np.float64)
    one_hot = np.eye(p_NC.shape[1])
    true_NC, predicted_NC = one_hot[y_N], one_hot[p_NC.argmax(1)]
    first_two_N2 = np.argsort(p_NC, 1, kind="stable")[:, ::-1][:, :2]  # ties as scikit-learn breaks them
    in_top2_N = (first_two_N2 == np.asarray(y_N)[:, None]).any(1)
    tiny = np.finfo(np.float64).eps
    loss_N = -np.log(np.clip(p_NC[np.arange(len(p_NC)), y_N], tiny, 1))
    squares_N = ((p_NC - true_NC) ** 2).sum(1)
    confidence_N, hit_N = p_NC.max(1), (true_NC * predicted_NC).sum(1)
    bin_NB = np.eye(BINS)[np.minimum((confidence_N * BINS).astype(int), BINS - 1)]
    others_N3 = np.stack([in_top2_N, loss_N, squares_N], 1)
    confidence_NB, hit_NB = bin_NB * confidence_N[:, None], bin_NB * hit_N[:, None]
    return np.hstack([true_NC * predicted_NC, true_NC, predicted_NC, others_N3, confidence_NB, hit_NB])


def _numbers(sums_RK: np.ndarray, classes: int, absent: float) -> tuple[dict, dict]:
    """Return overall numbers (R,) and those per class (R, C); a class without clips has recall and F1 `absent`."""
    cuts = np.cumsum([classes, classes, classes, 3, BINS])
    hits_RC, support_RC, predicted_RC, others_R3, confidence_RB, right_RB = np.split(sums_RK, cuts, 1)
    clips_R = support_RC.sum(1)
    per_class = {
        "precision": _ratio(hits_RC, predicted_RC, 0.0),
        "recall": _ratio(hits_RC, support_RC, absent),
        "f1": np.where(support_RC > 0, _ratio(2 * hits_RC, support_RC + predicted_RC, 0.0), absent),
    }
    overall = {
        "accuracy": hits_RC.sum(1) / clips_R,
        "balanced_accuracy": np.nanmean(_ratio(hits_RC, support_RC, nan), 1),
    }
    for name, values_RC in per_class.items():
        overall[f"{name}_macro"] = np.nanmean(values_RC, 1)
        overall[f"{name}_weighted"] = np.nansum(values_RC * support_RC, 1) / clips_R
    overall["top2_accuracy"], overall["log_loss"], overall["brier_score"] = (others_R3 / clips_R[:, None]).T
    overall["expected_calibration_error"] = np.abs(confidence_RB - right_RB).sum(1) / clips_R
    return overall, per_class


def _ratio(over: np.ndarray, under: np.ndarray, otherwise: float) -> np.ndarray:
    return np.divide(over, under, out=np.full(under.shape, otherwise), where=under > 0)


def precision_recall_points(y_N: np.ndarray, p_NC: np.ndarray, classes: list[str], points: int = 60) -> list[dict]:
    """Return rows class, recall, precision of each class against the rest, thinned to `points` a class."""
    rows = []
    for column, label in enumerate(classes):
        if not (y_N == column).any():
            continue
        precision_P, recall_P, _ = precision_recall_curve(y_N == column, p_NC[:, column], drop_intermediate=True)
        keep = np.unique(np.linspace(0, len(recall_P) - 1, points).round().astype(int))
        rows += [{"class": label, "recall": recall_P[i], "precision": precision_P[i]} for i in keep]
    return rows


def reliability_points(y_N: np.ndarray, p_NC: np.ndarray, classes: list[str], bins: int = 10) -> list[dict]:
    """Return rows class, confidence, frequency, clips: per class and bin, what was promised and how often it was so."""
    rows = []
    for column, label in enumerate(classes):
        bin_N = np.minimum((p_NC[:, column] * bins).astype(int), bins - 1)
        for number in np.unique(bin_N):
            chosen = bin_N == number
            frequency = float((y_N[chosen] == column).mean())
            confidence = float(p_NC[chosen, column].mean())
            rows.append({"class": label, "confidence": confidence, "frequency": frequency, "clips": int(chosen.sum())})
    return rows
