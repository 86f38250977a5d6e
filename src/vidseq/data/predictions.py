"""Tables of predictions: clip, label, predicted, and the probability of every class."""

from pathlib import Path

import numpy as np
import pandas as pd


def write_predictions(clips: pd.DataFrame, p_NC: np.ndarray, classes: list[str], path: Path) -> None:
    """Write one row per clip of the table `clips` (clip, label), in its order."""
    table = clips[["clip", "label"]].assign(predicted=[classes[index] for index in p_NC.argmax(1)])
    probabilities = pd.DataFrame(p_NC, columns=classes, index=table.index)
    pd.concat([table, probabilities], axis=1).to_csv(path, index=False, float_format="%.6f")


def read_predictions(path: Path, classes: list[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Read such a table; returns its rows, and the probabilities (N, C) in the order of `classes`."""
    # a class may be named as one of the first three columns: its probabilities are then the later, renamed one
    table = pd.read_csv(path, dtype={"clip": str, "label": str, "predicted": str}, keep_default_na=False)
    return table, table.iloc[:, 3:].to_numpy(float).reshape(len(table), len(classes))
