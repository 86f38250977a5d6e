"""A model as an alarm for one class: what a threshold finds, and what it costs in false alarms."""

from collections import Counter

import numpy as np

from vidseq.errors import VidseqError
from vidseq.evaluation.bootstrap import GroupBootstrap

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


class Alarm:
    """The scores of clips for one class, true where a clip is of it, and how long each is (s)."""

    def __init__(self, is_class_N: np.ndarray, scores_N: np.ndarray, seconds_N: np.ndarray):
        self.is_class_N, self.scores_N = is_class_N, scores_N
        self.other_hours_N = ~is_class_N * seconds_N / 3600

    def operating_point(self, threshold: float, bootstrap: GroupBootstrap) -> dict:
        """Return what the alarm does at scores >= `threshold`, with intervals over groups.

        `false_alarms_per_hour` counts per hour of video of the other classes: how often it disturbs while nothing
        happens; its interval is that of the fraction of those clips. Recall, precision and that rate are None where
        nothing of their kind is in the clips.
        """
        alarm_N, other_N = self.scores_N >= threshold, ~self.is_class_N
        false_alarms = bootstrap.proportion_interval(alarm_N, other_N)
        per_hour = other_N.sum() / self.other_hours_N.sum() if other_N.any() else 0.0
        return {
            **self.counts(threshold),
            "intervals": {
                "recall": bootstrap.proportion_interval(alarm_N, self.is_class_N),
                "precision": bootstrap.proportion_interval(self.is_class_N, alarm_N),
                "false_alarms_per_hour": false_alarms and [float(end * per_hour) for end in false_alarms],
            },
            "clips": int(self.is_class_N.sum()),
            "other_clips": int((~self.is_class_N).sum()),
            "hours_of_other_clips": float(self.other_hours_N.sum()),
        }

    def counts(self, threshold: float) -> dict:
        """Return recall, precision, false_alarms_per_hour, found and false_alarms at scores >= `threshold`."""
        alarm_N = self.scores_N >= threshold
        found, false_alarms = int((self.is_class_N & alarm_N).sum()), int((~self.is_class_N & alarm_N).sum())
        return {
            "recall": _ratio(found, self.is_class_N.sum()),
            "precision": _ratio(found, found + false_alarms),
            "false_alarms_per_hour": _ratio(false_alarms, self.other_hours_N.sum()),
            "found": found,
            "false_alarms": false_alarms,
        }

    def cost_curve(self) -> list[dict]:
        """Return rows threshold, recall, precision, false_alarms_per_hour and cost_<c>, one per threshold.

        `cost_<c>` is the cost per clip where a miss costs c false alarms. A value that is not defined is None.
        """
        rows = []
        for threshold in THRESHOLDS:
            counts = self.counts(threshold)
            misses = self.is_class_N.sum() - counts["found"]
            costs = {f"cost_{c}": (c * misses + counts["false_alarms"]) / len(self.scores_N) for c in COSTS}
            rates = {name: counts[name] for name in ("recall", "precision", "false_alarms_per_hour")}
            rows.append({"threshold": threshold} | rates | costs)
        return rows


def _ratio(numerator: float, denominator: float) -> float | None:
    return float(numerator / denominator) if denominator else None
