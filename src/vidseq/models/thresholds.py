"""Thresholds of an alarm, chosen on out-of-fold logits: each clip's are of a model that has not seen its group."""

from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

FILE = "out_of_fold.safetensors"


@dataclass(frozen=True)
class OutOfFold:
    """The logits (N, C) of the training clips by models that have not seen their groups, and their classes (N,)."""

    logits_NC: np.ndarray
    y_N: np.ndarray

    def save(self, folder: Path) -> None:
        """Write them, in full precision, into a model's folder."""
        save_file({"logits": np.ascontiguousarray(self.logits_NC), "y": self.y_N}, folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> "OutOfFold":
        """Read them from a model's folder."""
        arrays = load_file(folder / FILE)
        return cls(arrays["logits"], arrays["y"])

    def probabilities(self) -> np.ndarray:
        """Return the class probabilities (N, C)."""
        return probabilities(self.logits_NC)


def probabilities(logits_NC: np.ndarray) -> np.ndarray:
    """Return the softmax in float64, (N, C): in float32, scores near 1 would be equal."""
    shifted_NC = np.asarray(logits_NC, np.float64) - np.max(logits_NC, axis=1, keepdims=True)
    exp_NC = np.exp(shifted_NC)
    return exp_NC / exp_NC.sum(1, keepdims=True)


def choose_threshold(out_of_fold: OutOfFold, class_index: int, min_recall: float) -> float:
    """Return the highest threshold at which scores >= threshold find at least `min_recall` of the class's clips."""
    scores = np.sort(out_of_fold.probabilities()[out_of_fold.y_N == class_index, class_index])[::-1]
    return float(scores[ceil(round(min_recall * len(scores), 9)) - 1])
