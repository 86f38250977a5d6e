import numpy as np
import pandas as pd

from benchmarks.clips import changed
from benchmarks.unknown import distance, measure


def test_a_class_that_was_left_out_is_told_from_the_others(params):
    """Classes are directions in the features; the one that was left out is far from the others."""
    rng = np.random.default_rng(0)
    labels = np.repeat(["A", "B", "C"], 20)
    centres = {"A": [4, 0, 0, 0], "B": [0, 4, 0, 0], "C": [0, 0, 4, 4]}
    x = [(rng.normal(size=(6, 4)) * 0.3 + centres[label]).astype(np.float16) for label in labels]
    clips = pd.DataFrame({"label": labels, "group": np.arange(60) // 2})
    clips["split"] = np.where(np.arange(60) % 20 < 10, "train", np.where(np.arange(60) % 20 < 14, "val", "test"))
    config = {"name": "cnn", "weights": "5ebb", "transform": {}, "diff": None, "image_types": ["rgb"]}
    row = measure("baseline", "C", clips, x, changed(params, {"preprocessing.inputs": ["rgb"]}), config)
    assert row["distance"] == 1.0
    assert row["probability"] > 0.9
    assert row["known_refused"] <= 0.3


def test_the_distance_is_to_the_nearest_training_clip():
    one, other = np.array([[1, 0]], np.float16), np.array([[0, 1]], np.float16)
    np.testing.assert_allclose(distance([one, other], [one, other]), 0, atol=1e-6)
    assert distance([np.array([[1, 1]], np.float16) * 3], [one, other])[0] > 0.5
