import numpy as np
import pandas as pd

from benchmarks.alarm import over_seeds, promised_and_found
from vidseq.models.thresholds import OutOfFold


def test_test_clips_like_the_training_clips_are_found_as_often_as_promised():
    rng = np.random.default_rng(0)
    y_N = np.arange(4000) % 2
    logits_NC = rng.normal(size=(4000, 2)) + 1.5 * np.eye(2)[y_N]
    half = OutOfFold(logits_NC[:2000], y_N[:2000])
    other = OutOfFold(logits_NC[2000:], y_N[2000:])
    found = promised_and_found(np.array(["A", "B"])[other.y_N], other.probabilities(), half, ["A", "B"])
    np.testing.assert_allclose(found.found, found.promised, atol=0.04)
    assert (found.false_alarms > 0).all()


def test_a_split_counts_the_same_however_many_seeds_it_has():
    row = {"model": "rnn", "promised": 0.9, "class": "A", "false_alarms": 1.0}
    found = over_seeds(pd.DataFrame([row | {"split": 1, "found": 1.0}] * 3 + [row | {"split": 2, "found": 0.5}]))
    assert found.found.mean() == 0.75
