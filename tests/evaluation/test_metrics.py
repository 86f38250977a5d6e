import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from vidseq.evaluation.bootstrap import GroupBootstrap
from vidseq.evaluation.metrics import BINS, classification_metrics, precision_recall_points, reliability_points

CLASSES = ["A", "B", "C", "Δ"]


def draw(seed: int, clips: int = 60, classes: int = 4):
    rng = np.random.default_rng(seed)
    p_NC = rng.dirichlet(np.ones(classes), clips)
    return rng.integers(0, classes, clips), p_NC, np.repeat(np.arange(clips // 5), 5)


def check(y, p, groups, classes):
    """Every number against scikit-learn's, or against its definition where scikit-learn has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metrics = classification_metrics(y, p, classes, GroupBootstrap(groups, 0))
    predicted, labels = p.argmax(1), range(len(classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sk.classification_report(
            y, predicted, labels=labels, target_names=classes, output_dict=True, zero_division=0
        )
        assert metrics["accuracy"] == pytest.approx(sk.accuracy_score(y, predicted))
        assert metrics["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(y, predicted))
        scores = p if len(classes) > 2 else p[:, 1]
        assert metrics["top2_accuracy"] == pytest.approx(sk.top_k_accuracy_score(y, scores, k=2, labels=list(labels)))
        assert metrics["log_loss"] == pytest.approx(sk.log_loss(y, p, labels=list(labels)))
    assert metrics["brier_score"] == pytest.approx(np.mean([((row - np.eye(len(row))[k]) ** 2).sum() for row, k in
                                                            zip(p, y, strict=True)]))  # fmt: skip
    for average, suffix in (("macro", ""), ("weighted", "_weighted")):
        for name, key in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert metrics[f"{name}{suffix}"] == pytest.approx(expected[f"{average} avg"][key])
    for index, label in enumerate(classes):
        row = metrics["per_class"][label]
        assert row["support"] == expected[label]["support"]
        for name, key in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert row[name] == pytest.approx(expected[label][key])
        if row["support"]:
            assert row["average_precision"] == pytest.approx(sk.average_precision_score(y == index, p[:, index]))
    return metrics


@pytest.mark.parametrize("seed", range(5))
def test_numbers_equal_scikit_learns(seed):
    metrics = check(*draw(seed), CLASSES)
    for name, (low, high) in metrics["intervals"].items():
        assert low <= high, name
        if name != "expected_calibration_error":  # the absolute values in it make resamples larger
            assert low <= metrics[name] <= high, name


def test_two_classes():
    assert check(*draw(0, classes=2), ["A", "B"])["top2_accuracy"] == 1.0


def test_a_class_never_predicted_has_precision_zero():
    y, p, groups = draw(1)
    p[:, 2] = 0
    metrics = check(y, p / p.sum(1, keepdims=True), groups, CLASSES)
    assert metrics["per_class"]["C"]["precision"] == 0.0
    assert metrics["per_class"]["C"]["support"] > 0


def test_a_class_absent_from_test_has_recall_zero_and_no_average_precision():
    y, p, groups = draw(2)
    row = check(np.where(y == 3, 0, y), p, groups, CLASSES)["per_class"]["Δ"]
    assert (row["recall"], row["average_precision"], row["support"]) == (0.0, None, 0)
    assert row["intervals"]["recall"] is None


def test_one_group_alone_has_no_interval():
    y, p, _ = draw(3)
    metrics = check(y, p, np.zeros(60), CLASSES)
    assert set(metrics["intervals"].values()) == {None}


def test_calibration_error_by_hand():
    p = np.array([[0.9, 0.1]] * 10)
    y = np.array([0] * 6 + [1] * 4)
    metrics = classification_metrics(y, p, ["A", "B"], GroupBootstrap(np.arange(10), 0))
    assert metrics["expected_calibration_error"] == pytest.approx(0.3)
    assert BINS == 15


def test_curves_have_the_points_of_each_class():
    y, p, _ = draw(4, clips=500)
    rows = precision_recall_points(y, p, CLASSES)
    for index, label in enumerate(CLASSES):
        of_class = [row for row in rows if row["class"] == label]
        assert 2 <= len(of_class) <= 60
        assert of_class[0]["recall"] == 1.0
        assert of_class[0]["precision"] == pytest.approx((y == index).mean())
    rows = reliability_points(y, p, CLASSES)
    assert sum(row["clips"] for row in rows) == 4 * 500
    assert sum(row["clips"] * row["frequency"] for row in rows) == pytest.approx(500)
    assert [row for row in precision_recall_points(np.zeros(500, int), p, CLASSES) if row["class"] != "A"] == []


def test_no_interval_is_without_width_where_all_clips_are_right():
    y = np.arange(100) % 4
    metrics = classification_metrics(y, np.eye(4)[y], CLASSES, GroupBootstrap(np.arange(100) % 5, 0))
    losses = {metrics["intervals"].pop(name) for name in ("log_loss", "brier_score", "expected_calibration_error")}
    assert losses == {None}  # their draws are all equal
    per_class = (interval for row in metrics["per_class"].values() for interval in row["intervals"].values())
    for low, high in (*metrics["intervals"].values(), *per_class):
        assert (low, high) == (pytest.approx(0.478, abs=5e-4), 1.0)


def test_metrics_that_are_equal_have_equal_intervals():
    """Accuracy and balanced accuracy of balanced classes, whose ways to the interval differ."""
    y = np.arange(100) % 4
    p = np.eye(4)[np.where(np.arange(100) % 9 == 0, 0, y)]
    intervals = classification_metrics(y, p, CLASSES, GroupBootstrap(np.arange(100) // 20, 0))["intervals"]
    assert intervals["accuracy"] == intervals["recall_weighted"]
    assert intervals["balanced_accuracy"] == pytest.approx(intervals["accuracy"], abs=0.01)
