"""The metrics of a classification, overall and per class, each with its interval over groups of clips.

Every one is a function of sums over clips, so the bootstrap draws sums and never touches the clips again.
"""

from dataclasses import dataclass, fields

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve

from vidseq.evaluation.bootstrap import GroupBootstrap

BINS = 15  # of the expected calibration error: equal widths, by the probability of the predicted class
LOSSES = ("log_loss", "brier_score", "expected_calibration_error")  # all others are 1 at best


@dataclass(frozen=True)
class Sums:
    """Terms of clips, one row per clip, or sums of them, one row per draw of the bootstrap (R)."""

    hits_RC: np.ndarray
    support_RC: np.ndarray
    predicted_RC: np.ndarray
    top2_hits_R1: np.ndarray
    log_loss_R1: np.ndarray
    squares_R1: np.ndarray
    bin_confidence_RB: np.ndarray
    bin_hits_RB: np.ndarray

    @classmethod
    def of_clips(cls, y_N: np.ndarray, p_NC: np.ndarray) -> "Sums":
        """Return the terms of each clip."""
        p_NC = np.asarray(p_NC, np.float64)
        one_hot = np.eye(p_NC.shape[1])
        true_NC, predicted_NC = one_hot[y_N], one_hot[p_NC.argmax(1)]
        first_two_N2 = np.argsort(p_NC, 1, kind="stable")[:, ::-1][:, :2]  # ties as scikit-learn breaks them
        p_true_N = p_NC[np.arange(len(p_NC)), y_N]
        confidence_N1, hit_N1 = p_NC.max(1, keepdims=True), (true_NC * predicted_NC).sum(1, keepdims=True)
        bin_NB = np.eye(BINS)[np.minimum((confidence_N1[:, 0] * BINS).astype(int), BINS - 1)]
        return cls(
            hits_RC=true_NC * predicted_NC,
            support_RC=true_NC,
            predicted_RC=predicted_NC,
            top2_hits_R1=(first_two_N2 == np.asarray(y_N)[:, None]).any(1, keepdims=True).astype(float),
            log_loss_R1=-np.log(np.clip(p_true_N, np.finfo(np.float64).eps, 1))[:, None],
            squares_R1=((p_NC - true_NC) ** 2).sum(1, keepdims=True),
            bin_confidence_RB=bin_NB * confidence_N1,
            bin_hits_RB=bin_NB * hit_N1,
        )

    def total(self) -> "Sums":
        """Return the sums over all clips, as one row."""
        return Sums(**{f.name: getattr(self, f.name).sum(0, keepdims=True) for f in fields(self)})

    def resampled(self, bootstrap: GroupBootstrap) -> "Sums":
        """Return the sums of each draw."""
        return Sums(**{f.name: bootstrap.sums(getattr(self, f.name)) for f in fields(self)})

    def per_class(self, absent: float) -> dict[str, np.ndarray]:
        """Return the metrics of each class, (R, C); a class without clips has recall and F1 `absent`."""
        f1_RC = _ratio(2 * self.hits_RC, self.support_RC + self.predicted_RC, 0.0)
        return {
            "precision": _ratio(self.hits_RC, self.predicted_RC, 0.0),
            "recall": _ratio(self.hits_RC, self.support_RC, absent),
            "f1": np.where(self.support_RC > 0, f1_RC, absent),
        }

    def overall(self, absent: float) -> dict[str, np.ndarray]:
        """Return the overall metrics, (R,)."""
        clips_R = self.support_RC.sum(1)
        metrics = {
            "accuracy": self.hits_RC.sum(1) / clips_R,
            "balanced_accuracy": np.nanmean(_ratio(self.hits_RC, self.support_RC, np.nan), 1),
        }
        for name, values_RC in self.per_class(absent).items():
            metrics[name] = np.nanmean(values_RC, 1)
            metrics[f"{name}_weighted"] = np.nansum(values_RC * self.support_RC, 1) / clips_R
        metrics["top2_accuracy"] = self.top2_hits_R1[:, 0] / clips_R
        metrics["log_loss"] = self.log_loss_R1[:, 0] / clips_R
        metrics["brier_score"] = self.squares_R1[:, 0] / clips_R
        metrics["expected_calibration_error"] = np.abs(self.bin_confidence_RB - self.bin_hits_RB).sum(1) / clips_R
        return metrics


def classification_metrics(y_N: np.ndarray, p_NC: np.ndarray, classes: list[str], bootstrap: GroupBootstrap) -> dict:
    """Return the overall metrics, their `intervals` (95 %, [low, high], None for one group alone), and `per_class`.

    Names and degenerate cases are scikit-learn's: a class never predicted has precision 0, a class without clips
    recall 0, and is left out of the balanced accuracy. precision, recall and f1 are macro means. `brier_score` is the
    mean squared distance from the one-hot truth (0 to 2), `expected_calibration_error` that of the predicted class in
    15 bins.
    """
    clips = Sums.of_clips(y_N, p_NC)
    total, draws = clips.total(), clips.resampled(bootstrap)
    per_class, draws_per_class = total.per_class(absent=0.0), draws.per_class(absent=np.nan)
    metrics: dict = {name: float(value_1[0]) for name, value_1 in total.overall(absent=0.0).items()}
    right_N, all_N, top2_N = clips.hits_RC.sum(1), np.ones(len(y_N)), clips.top2_hits_R1[:, 0]
    metrics["intervals"] = {
        name: bootstrap.interval(values_R)
        if name in LOSSES
        else bootstrap.fraction_interval(metrics[name], values_R, top2_N if name == "top2_accuracy" else right_N, all_N)
        for name, values_R in draws.overall(absent=np.nan).items()
    }
    of = {  # the clips that a class's metric is about
        "precision": clips.predicted_RC,
        "recall": clips.support_RC,
        "f1": np.maximum(clips.support_RC, clips.predicted_RC),
    }
    metrics["per_class"] = {}
    for index, label in enumerate(classes):
        is_class_N = y_N == index
        row: dict = {name: float(value_1C[0, index]) for name, value_1C in per_class.items()}
        row["average_precision"] = (
            float(average_precision_score(is_class_N, p_NC[:, index])) if is_class_N.any() else None
        )
        row["support"] = int(is_class_N.sum())
        row["intervals"] = {
            name: bootstrap.fraction_interval(row[name], v_RC[:, index], clips.hits_RC[:, index], of[name][:, index])
            for name, v_RC in draws_per_class.items()
        }
        metrics["per_class"][label] = row
    return metrics


def _ratio(numerator: np.ndarray, denominator: np.ndarray, otherwise: float) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.full(denominator.shape, otherwise), where=denominator > 0)


def precision_recall_points(y_N: np.ndarray, p_NC: np.ndarray, classes: list[str], points: int = 60) -> list[dict]:
    """Return rows class, recall, precision of each class against the rest, thinned to `points` per class."""
    rows = []
    for index, label in enumerate(classes):
        if not (y_N == index).any():
            continue
        precision_P, recall_P, _ = precision_recall_curve(y_N == index, p_NC[:, index], drop_intermediate=True)
        keep = np.unique(np.linspace(0, len(recall_P) - 1, points).round().astype(int))
        rows += [{"class": label, "recall": recall_P[i], "precision": precision_P[i]} for i in keep]
    return rows


def reliability_points(y_N: np.ndarray, p_NC: np.ndarray, classes: list[str], bins: int = 10) -> list[dict]:
    """Return rows class, confidence, frequency, clips: per class and bin, the mean probability and how often it was."""
    rows = []
    for index, label in enumerate(classes):
        bin_N = np.minimum((p_NC[:, index] * bins).astype(int), bins - 1)
        for number in np.unique(bin_N):
            chosen_N = bin_N == number
            frequency = float((y_N[chosen_N] == index).mean())
            confidence = float(p_NC[chosen_N, index].mean())
            rows.append(
                {"class": label, "confidence": confidence, "frequency": frequency, "clips": int(chosen_N.sum())}
            )
    return rows
