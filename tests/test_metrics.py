import numpy as np
import pytest
from sklearn.metrics import classification_report

from vidseq.metrics import classification_metrics


@pytest.mark.parametrize("seed", range(5))
def test_numbers_equal_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    classes = ["A", "B", "C", "D"]
    y, predicted = rng.integers(0, 4, 60), rng.integers(0, 4, 60)
    metrics = classification_metrics(y, predicted, classes)
    expected = classification_report(y, predicted, target_names=classes, output_dict=True)
    assert metrics["accuracy"] == expected["accuracy"]
    for average in ("macro", "weighted"):
        for name, key in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert metrics[f"{name}_{average}"] == pytest.approx(expected[f"{average} avg"][key])
    for label in classes:
        assert metrics["per_class"][label]["support"] == expected[label]["support"]
        assert metrics["per_class"][label]["f1"] == pytest.approx(expected[label]["f1-score"])


def test_a_class_never_predicted_has_precision_zero_and_no_warning(recwarn):
    metrics = classification_metrics(np.array([0, 1, 1]), np.array([0, 0, 0]), ["A", "B"])
    assert metrics["per_class"]["B"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 2}
    assert metrics["accuracy"] == pytest.approx(1 / 3)
    assert not recwarn.list
