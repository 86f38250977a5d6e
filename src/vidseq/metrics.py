"""The numbers of a classification, overall and per class."""

import numpy as np
from sklearn.metrics import accuracy_score, precision_recall_fscore_support


def classification_metrics(y_N: np.ndarray, predicted_N: np.ndarray, classes: list[str]) -> dict:
    """Return accuracy; precision, recall and F1 as macro and weighted means; and all of it per class with its support.

    A class that is never predicted has precision 0.
    """
    metrics = {"accuracy": float(accuracy_score(y_N, predicted_N))}
    labels = range(len(classes))
    for average in ("macro", "weighted"):
        values = precision_recall_fscore_support(y_N, predicted_N, labels=labels, average=average, zero_division=0)
        for name, value in zip(("precision", "recall", "f1"), values, strict=False):
            metrics[f"{name}_{average}"] = float(value)
    columns = precision_recall_fscore_support(y_N, predicted_N, labels=labels, average=None, zero_division=0)
    metrics["per_class"] = {
        label: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(support)}
        for label, p, r, f, support in zip(classes, *columns, strict=True)
    }
    return metrics
