import numpy as np
import pytest

from vidseq.errors import VidseqError
from vidseq.evaluation.alarm import COSTS, Alarm, alarm_class
from vidseq.evaluation.bootstrap import GroupBootstrap


def draw(clips: int = 200, seed: int = 0):
    rng = np.random.default_rng(seed)
    is_class = np.arange(clips) % 4 == 0
    scores = np.clip(rng.normal(0.3 + 0.4 * is_class, 0.15), 0, 1)
    return is_class, scores, np.full(clips, 36.0)


def test_the_class_is_the_wanted_one_or_the_rarest_of_training():
    labels = ["A"] * 3 + ["B"] * 2 + ["C"] * 2
    assert alarm_class(None, labels) == "B"
    assert alarm_class("A", labels) == "A"
    with pytest.raises(VidseqError, match=r"evaluate\.alarm\.class = 'Z': the classes are A, B, C"):
        alarm_class("Z", labels)


def test_rates_by_hand():
    is_class = np.array([True, True, False, False, False])
    scores, seconds = np.array([0.9, 0.2, 0.8, 0.1, 0.1]), np.array([100.0, 100, 600, 600, 600])
    point = Alarm(is_class, scores, seconds).operating_point(0.5, GroupBootstrap(np.arange(5), 0))
    assert (point["recall"], point["precision"], point["false_alarms"], point["found"]) == (0.5, 0.5, 1, 1)
    assert point["false_alarms_per_hour"] == pytest.approx(2.0)  # one in the half hour of the other classes
    assert point["hours_of_other_clips"] == pytest.approx(0.5)
    for name, (low, high) in point["intervals"].items():
        assert low <= point[name] <= high


def test_no_false_alarm_in_five_groups_does_not_promise_that_there_will_be_none():
    is_class, seconds = np.arange(20) % 4 == 0, np.full(20, 36.0)
    point = Alarm(is_class, is_class * 1.0, seconds).operating_point(0.5, GroupBootstrap(np.arange(20) // 4, 0))
    low, high = point["intervals"]["false_alarms_per_hour"]
    assert (point["false_alarms_per_hour"], low) == (0.0, 0.0)
    assert high == pytest.approx(52.2, abs=0.05)  # 0.522 of the 100 clips that fill an hour: one clip per group


def test_what_is_not_defined_is_none():
    none = np.zeros(4, bool)
    point = Alarm(none, np.zeros(4), np.ones(4)).operating_point(0.5, GroupBootstrap(np.zeros(4), 0))
    assert (point["recall"], point["precision"], point["intervals"]["recall"]) == (None, None, None)
    point = Alarm(~none, np.ones(4), np.ones(4)).operating_point(0.5, GroupBootstrap(np.arange(4), 0))
    assert (point["recall"], point["false_alarms_per_hour"]) == (1.0, None)


def test_the_cost_curve_trades_misses_for_false_alarms():
    is_class, scores, seconds = draw()
    rows = Alarm(is_class, scores, seconds).cost_curve()
    assert rows[0]["recall"] == 1.0
    recalls = [row["recall"] for row in rows]
    assert recalls == sorted(recalls, reverse=True)
    best = {cost: min(rows, key=lambda row, cost=cost: row[f"cost_{cost}"])["threshold"] for cost in COSTS}
    assert best[1] > best[10] > best[100]  # the dearer a miss, the lower the threshold
    row = next(row for row in rows if row["threshold"] == 0.5)
    misses, false_alarms = (is_class & (scores < 0.5)).sum(), (~is_class & (scores >= 0.5)).sum()
    assert row["cost_10"] == pytest.approx((10 * misses + false_alarms) / 200)
