"""Temperature and thresholds, chosen on out-of-fold logits: each clip's are of a model that has not seen its group."""

from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy.optimize import minimize_scalar

from vidseq.errors import VidseqError

FILE = "out_of_fold.safetensors"
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class OutOfFold:
    """The logits (N, C) of the training clips by models that have not seen their groups, and their classes (N,).

    They are calibrated: each fold's are divided by the temperature that suits the other folds.
    """

    logits_NC: np.ndarray
    y_N: np.ndarray

    def save(self, folder: Path) -> None:
        """Write them, in full precision, into a model's folder."""
        save_file({"logits": np.ascontiguousarray(self.logits_NC), "y": self.y_N}, folder / FILE)

    @classmethod
    def load(cls, folder: Path, classes: int) -> "OutOfFold":
        """Read them from the folder of a model of so many classes. Raises VidseqError if it does not hold them."""
        try:
            arrays = load_file(folder / FILE)
            out_of_fold = cls(arrays["logits"], arrays["y"])
        except FileNotFoundError as error:
            raise VidseqError(f"{folder} holds no whole model ({FILE} is missing)") from error
        except (SafetensorError, OSError) as error:
            raise VidseqError(f"{folder / FILE} cannot be read: {error}") from error
        except KeyError as error:
            raise VidseqError(f"{folder / FILE} has no out-of-fold logits: {error} is missing") from error
        y_N = out_of_fold.y_N
        shapes_fit = len(y_N) > 0 and out_of_fold.logits_NC.shape == (len(y_N), classes)
        if not (shapes_fit and np.isin(y_N, range(classes)).all()):
            raise VidseqError(f"{folder / FILE} has no out-of-fold logits of clips of {classes} classes")
        return out_of_fold

    def probabilities(self) -> np.ndarray:
        """Return the class probabilities (N, C)."""
        return probabilities(self.logits_NC)

    def accuracy(self) -> float:
        """Return which fraction of the clips is classified rightly."""
        return float((self.logits_NC.argmax(1) == self.y_N).mean())

    def log_loss(self) -> float:
        """Return the mean of -log p of the clips' classes, p no less than the smallest float32."""
        p_N = self.probabilities()[np.arange(len(self.y_N)), self.y_N]
        return float(-np.log(p_N.clip(np.finfo(np.float32).tiny)).mean())


def probabilities(logits_NC: np.ndarray) -> np.ndarray:
    """Return the softmax in float64, (N, C): in float32, scores near 1 would be equal."""
    shifted_NC = np.asarray(logits_NC, np.float64) - np.max(logits_NC, axis=1, keepdims=True)
    exp_NC = np.exp(shifted_NC)
    return exp_NC / exp_NC.sum(1, keepdims=True)


def calibrate(logits_NC: np.ndarray, y_N: np.ndarray, fold_N: np.ndarray) -> tuple[OutOfFold, float]:
    """Return out-of-fold logits, calibrated, and the temperature that suits them all; `fold_N` is the fold of each."""
    calibrated_NC = np.empty_like(logits_NC)
    for fold in np.unique(fold_N):
        held_out_N = fold_N == fold
        temperature = fit_temperature(logits_NC[~held_out_N], y_N[~held_out_N])
        calibrated_NC[held_out_N] = logits_NC[held_out_N] / temperature
    return OutOfFold(calibrated_NC, y_N), fit_temperature(logits_NC, y_N)


def fit_temperature(logits_NC: np.ndarray, y_N: np.ndarray) -> float:
    """Return what to divide logits by so that their log loss is lowest (Guo et al., 2017).

    A clip's class counts as true but for 1 / (N + 2), as Platt (1999) has it: no number of clips makes a model certain.
    """
    doubt = 1 / (len(y_N) + 2)

    def loss(log_temperature: float) -> float:
        log_p_NC = np.log(probabilities(logits_NC / np.exp(log_temperature)).clip(1e-300))
        return float(-((1 - doubt) * log_p_NC[np.arange(len(y_N)), y_N] + doubt * log_p_NC.mean(1)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))


def choose_known_threshold(out_of_fold: OutOfFold, refused: float) -> float:
    """Return the highest threshold of the largest probability below which at most `refused` (0 to 1) of the clips are.

    What is below it is of none of the classes, as far as the model can tell.
    """
    scores = np.sort(out_of_fold.probabilities().max(1))
    return float(scores[min(floor(round(refused * len(scores), 9)), len(scores) - 1)])


def choose_threshold(out_of_fold: OutOfFold, class_index: int, min_recall: float) -> float:
    """Return the highest threshold at which scores >= threshold find at least `min_recall` of the class's clips."""
    scores = np.sort(out_of_fold.probabilities()[out_of_fold.y_N == class_index, class_index])[::-1]
    return float(scores[ceil(round(min_recall * len(scores), 9)) - 1])
