"""How often the 95 % intervals contain the truth, by simulation: writes docs/intervals.md."""

import argparse
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
from scipy.stats import beta

from vidseq.evaluation.bootstrap import GroupBootstrap

GROUPS = (5, 10, 20)
ACCURACIES = (0.8, 0.9, 0.97, 0.99)
PAIRS = ((0.9, 0.9), (0.97, 0.9), (0.99, 0.97), (0.99, 0.8))  # accuracies of two models
CORRELATIONS = (0.0, 0.3, 0.6)  # of two clips of one group
SIZES = {"3 to 8 clips per group": (3, 8), "20 clips per group": (20, 20)}
SHARED = 0.5  # how often what makes a group or a clip hard for one model does so for the other
Interval = list[float] | None
PREFACE = """# What the intervals cover

Written by `python -m benchmarks.coverage`: {runs} simulated test sets per cell, so that a coverage of 0.95
is known to about {error:.3f}. A group's accuracy is drawn from a beta distribution with the given mean and the given
correlation between clips of one group, and its clips from the group's accuracy.

- **Fractions of clips and metrics that are 1 at best** (accuracy, precision, recall, F1): Clopper and Pearson's
  interval of an effective number of clips, after Korn and Graubard (1998). Where nothing varies, as when all clips are
  right, each group counts as one clip: at accuracy 1.0 on 5 equal groups the interval is [0.478, 1.000]. Clips without
  groups have Clopper and Pearson's own interval.
- **Difference of two models' accuracy**: Student's t over groups. Where no clip is right by one model alone, the
  interval is as wide as that of a proportion of 0.
- **False alarms per hour**: the interval of the fraction of other clips that raise the alarm, per hour.
- **Log loss, Brier score, calibration error**: bootstrap over groups with percentiles moved outwards for few groups;
  no interval where all draws are equal. Neither these nor macro means are simulated here.

In the first two, the degrees of freedom are the groups with a mistake (or a difference) plus one, at most all groups
minus one. That rule was chosen by simulations like these: with all groups minus one, 20 clips per group covered too
little. Where 5 groups show few mistakes, the intervals are wide, and one mistake more can make them narrower: only
mistakes show how alike the clips of a group are. The interval of a difference covers less than 93 % in some cells, most
clearly where groups are large and their clips alike.

Cells: coverage of the percentile bootstrap → coverage of the interval in use (mean width of both). The percentiles
fail near accuracy 1, where often no clip of the test set is wrong and all draws are equal.
"""


def main() -> None:
    """Simulate all cells, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    lines = [PREFACE.format(runs=arguments.runs, error=np.sqrt(0.95 * 0.05 / arguments.runs))]
    for name, sizes in SIZES.items():
        lines += [f"## Accuracy, {name}\n", *table("accuracy", ACCURACIES, accuracy_runs, sizes, arguments.runs), ""]
    for name, sizes in SIZES.items():
        lines += [f"## Difference of two models, {name}\n"]
        lines += [*table("accuracies", PAIRS, difference_runs, sizes, arguments.runs), ""]
    arguments.out.mkdir(exist_ok=True)
    (arguments.out / "intervals.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def table(column: str, truths: tuple, runs_of: Callable, sizes: tuple[int, int], runs: int) -> list[str]:
    """Return a table of groups and truth against correlation, and the lowest coverage in it."""
    head = ("groups", column, *(f"correlation {correlation}" for correlation in CORRELATIONS))
    lines, lowest = [f"| {' | '.join(head)} |", "|---:" * len(head) + "|"], 1.0
    for groups, truth in product(GROUPS, truths):
        cells = []
        for correlation in CORRELATIONS:
            (old, new), (old_width, new_width) = measure(runs_of(groups, truth, correlation, sizes, runs))
            lowest = min(lowest, new)
            cells.append(f"{old:.3f} → {new:.3f} ({old_width:.2f}, {new_width:.2f})")
        told = " and ".join(map(str, np.atleast_1d(truth)))
        lines.append(f"| {groups} | {told} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return [*lines, "", f"Lowest coverage of the interval in use: {lowest:.3f}."]


def measure(runs: Iterator[tuple[float, float, Interval, Interval]]) -> tuple[np.ndarray, np.ndarray]:
    """Return coverage and mean width of two intervals, (2,) each, from runs of truth, estimate and both intervals.

    One that is None, as all its draws are equal, counts as the estimate alone: what the bootstrap claims there.
    """
    covers, widths = [], []
    for truth, estimate, *intervals in runs:
        ends_22 = np.array([interval or [estimate, estimate] for interval in intervals])
        covers.append((ends_22[:, 0] - 1e-9 <= truth) & (truth <= ends_22[:, 1] + 1e-9))
        widths.append(ends_22[:, 1] - ends_22[:, 0])
    return np.mean(covers, 0), np.mean(widths, 0)


def accuracy_runs(
    groups: int, accuracy: float, correlation: float, sizes: tuple[int, int], runs: int
) -> Iterator[tuple[float, float, Interval, Interval]]:
    """Yield truth, estimate, percentile interval and `proportion_interval` of simulated test sets."""
    rng = np.random.default_rng(0)
    for _ in range(runs):
        group_N = np.repeat(np.arange(groups), rng.integers(sizes[0], sizes[1] + 1, groups))
        right_N = rng.random(len(group_N)) < rate(accuracy, correlation, rng.random(groups))[group_N]
        bootstrap, ones_N = GroupBootstrap(group_N, 0), np.ones(len(group_N), bool)
        percentiles = bootstrap.interval(bootstrap.ratios(right_N, ones_N))
        yield accuracy, right_N.mean(), percentiles, bootstrap.proportion_interval(right_N, ones_N)


def difference_runs(
    groups: int, accuracies: tuple[float, float], correlation: float, sizes: tuple[int, int], runs: int
) -> Iterator[tuple[float, float, Interval, Interval]]:
    """Yield truth, estimate, percentile interval and `difference_interval` of two models on simulated test sets."""
    rng = np.random.default_rng(0)
    for _ in range(runs):
        group_N = np.repeat(np.arange(groups), rng.integers(sizes[0], sizes[1] + 1, groups))
        ease_2G, ease_2N = (shared(rng.random((2, size)), rng.random(size)) for size in (groups, len(group_N)))
        rate_2N = [rate(p, correlation, ease_G)[group_N] for p, ease_G in zip(accuracies, ease_2G, strict=True)]
        first_N, second_N = (ease_2N < rate_2N).astype(float)
        difference_N = first_N - second_N
        bootstrap = GroupBootstrap(group_N, 0)
        percentiles = bootstrap.interval(bootstrap.ratios(difference_N, np.ones(len(group_N))))
        truth = accuracies[0] - accuracies[1]
        yield truth, difference_N.mean(), percentiles, bootstrap.difference_interval(difference_N)


def rate(accuracy: float, correlation: float, quantile_G: np.ndarray) -> np.ndarray:
    """Return each group's accuracy, at a quantile of the beta distribution whose clips have that correlation."""
    if not correlation:
        return np.full(len(quantile_G), accuracy)
    size = (1 - correlation) / correlation
    return beta.ppf(quantile_G, accuracy * size, (1 - accuracy) * size)


def shared(values_2X: np.ndarray, chance_X: np.ndarray) -> np.ndarray:
    """Return values of two models, where the second's are the first's as often as SHARED says."""
    return np.stack([values_2X[0], np.where(chance_X < SHARED, *values_2X)])


if __name__ == "__main__":
    main()
