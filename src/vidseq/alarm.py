"""A model as an alarm for one class: a threshold for the wanted recall, and what it costs in false alarms."""

from collections import Counter
from math import ceil

import numpy as np

from vidseq.errors import VidseqError
from vidseq.uncertainty import interval, resample, sum_by_group

COSTS = (1, 10, 100)  # of a missed clip, in false alarms
THRESHOLDS = np.linspace(0, 1, 101)


def alarm_class(wanted: str | None, train_labels: list[str]) -> str:
    """Return the wanted class; without one, the rarest of the training clips, the first by name among equals."""
    counts = Counter(train_labels)
    if wanted is None:
        return min(counts, key=lambda label: (counts[label], label))
    if wanted not in counts:
        raise VidseqError(f"evaluate.alarm.class = '{wanted}': the classes are {', '.join(sorted(counts))}")
    return wanted


def choose_threshold(is_class_N: np.ndarray, scores_N: np.ndarray, min_recall: float) -> float:
    """Return the highest threshold at which scores >= threshold find at least `min_recall` of the class's clips."""
    found = np.sort(scores_N[is_class_N])[::-1]
    return float(found[ceil(round(min_recall * len(found), 9)) - 1])


def operating_point(
    is_class_N: np.ndarray,
    scores_N: np.ndarray,
    seconds_N: np.ndarray,
    threshold: float,
    groups_N: np.ndarray,
    seed: int,
) -> dict:
    """Return what an alarm at scores >= `threshold` does, with intervals over groups.

    `false_alarms_per_hour` counts per hour of video of the other classes: how often it disturbs while nothing happens.
    Recall, precision and that rate are null where nothing of their kind is in the clips.
    """
    alarm_N = scores_N >= threshold
    terms_NK = np.stack([is_class_N & alarm_N, is_class_N, ~is_class_N & alarm_N, ~is_class_N * seconds_N / 3600], 1)
    sums_GK = sum_by_group(terms_NK.astype(float), groups_N)
    point = {name: float(value[0]) for name, value in _rates(sums_GK.sum(0, keepdims=True)).items()}
    draws = _rates(resample(sums_GK, np.random.default_rng(seed)))
    found, clips, false_alarms, hours = sums_GK.sum(0)
    return {
        **{name: None if np.isnan(value) else value for name, value in point.items()},
        "intervals": {name: interval(values_R, len(sums_GK)) for name, values_R in draws.items()},
        "found": int(found),
        "clips": int(clips),
        "false_alarms": int(false_alarms),
        "other_clips": int((~is_class_N).sum()),
        "hours_of_other_clips": float(hours),
    }


def _rates(sums_RK: np.ndarray) -> dict[str, np.ndarray]:
    found, clips, false_alarms, hours = sums_RK.T
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = {"recall": found / clips, "precision": found / (found + false_alarms)}
        rates["false_alarms_per_hour"] = np.where(hours > 0, false_alarms / hours, np.nan)
    return rates


def cost_curve(is_class_N: np.ndarray, scores_N: np.ndarray, seconds_N: np.ndarray) -> list[dict]:
    """Return rows threshold, recall, precision, false_alarms_per_hour and cost_<c> a threshold.

    `cost_<c>` is the cost a clip where a miss costs c false alarms. A value that is not defined is None.
    """
    rows, groups = [], np.zeros(len(scores_N))
    for threshold in THRESHOLDS:
        point = operating_point(is_class_N, scores_N, seconds_N, threshold, groups, 0)
        row = {"threshold": threshold} | {
            name: point[name] for name in ("recall", "precision", "false_alarms_per_hour")
        }
        misses = point["clips"] - point["found"]
        for cost in COSTS:
            row[f"cost_{cost}"] = (cost * misses + point["false_alarms"]) / len(scores_N)
        rows.append(row)
    return rows
