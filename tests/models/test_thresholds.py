import numpy as np
import pytest

from vidseq.models.thresholds import OutOfFold, choose_threshold, probabilities


def scores(scale: float = 1.0) -> OutOfFold:
    rng = np.random.default_rng(0)
    y_N = np.arange(200) % 4
    logits_NC = rng.normal(0, 1, (200, 4)) + 2 * np.eye(4)[y_N]
    return OutOfFold((scale * logits_NC).astype(np.float32), y_N)


@pytest.mark.parametrize("scale", [1.0, 30.0])  # the scores of sure models are all but 1
@pytest.mark.parametrize("min_recall", [0.05, 0.5, 0.9, 1.0])
def test_the_threshold_is_the_highest_that_reaches_the_recall(scale, min_recall):
    out_of_fold = scores(scale)
    threshold = choose_threshold(out_of_fold, 1, min_recall)
    found = out_of_fold.probabilities()[out_of_fold.y_N == 1, 1]
    assert (found >= threshold).mean() >= min_recall
    higher = found[found > threshold].min(initial=np.inf)
    assert (found >= higher).mean() < min_recall


def test_what_is_saved_is_read_in_full_precision(tmp_path):
    out_of_fold = scores(30.0)
    out_of_fold.save(tmp_path)
    read = OutOfFold.load(tmp_path)
    np.testing.assert_array_equal(read.logits_NC, out_of_fold.logits_NC)
    np.testing.assert_array_equal(read.y_N, out_of_fold.y_N)
    assert choose_threshold(read, 2, 0.9) == choose_threshold(out_of_fold, 2, 0.9)


def test_probabilities_near_one_stay_apart():
    p_NC = probabilities(np.array([[20.0, 0.0], [25.0, 0.0]], np.float32))
    assert 1 > p_NC[1, 0] > p_NC[0, 0] > 1 - 1e-8
    np.testing.assert_allclose(p_NC.sum(1), 1)
