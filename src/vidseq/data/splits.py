"""Splits by group: no group of clips is ever in two parts of the split."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pandas as pd

from vidseq.errors import VidseqError
from vidseq.params import UNKNOWN

SPLITS = ("train", "val", "test")
FOLDS = 5
MAX_FOLDS = 20  # that a fraction is made of


def held_out(labels: pd.Series, groups: pd.Series, fraction: float, seed: int) -> pd.Series:
    """Choose whole groups that hold `fraction` of each class's clips, as nearly as the groups allow.

    Returns a boolean series over the clips, true where held out. A pure function of its arguments. Some of many
    stratified folds are taken; then single groups change sides for as long as that brings the fractions nearer.
    """
    counts = groups.groupby(labels).nunique()
    fewest, short = int(counts.min()), counts.index[counts < 2]
    if fewest < 2:
        raise VidseqError(
            f"class '{short[0]}' has only one group ({groups[labels == short[0]].iloc[0]}) to divide, as have "
            f"{len(short)} of {len(counts)} classes: each class needs three, for training, validation and test; add "
            "clips of other groups or drop the class (data.classes)"
        )
    most = min(fewest, MAX_FOLDS)
    nearest = Fraction(fraction).limit_denominator(most)
    share = min(max(nearest, Fraction(1, most)), Fraction(most - 1, most))
    folds = [own for _, own in group_folds(labels, groups, seed, share.denominator)]
    clips_GC = pd.crosstab(groups, labels)

    def error(held_C: np.ndarray) -> np.ndarray:
        """Return how far the held-out clips of the classes (..., C) are from the fraction; one side empty is far."""
        shares_C = held_C / clips_GC.to_numpy().sum(0)
        return (abs(shares_C - fraction) + ((shares_C == 0) | (shares_C == 1))).sum(-1)

    starts = []
    for first in range(len(folds)):
        own = [folds[(first + fold) % len(folds)] for fold in range(share.numerator)]
        held_G = clips_GC.index.isin(groups.iloc[np.concatenate(own)])
        starts.append((float(error(clips_GC.to_numpy()[held_G].sum(0))), first, held_G))
    left, _, held_G = min(starts, key=lambda start: (round(start[0], 9), start[1]))
    while True:
        held_C = clips_GC.to_numpy()[held_G].sum(0)
        errors_G = error(held_C + np.where(held_G, -1, 1)[:, None] * clips_GC.to_numpy())
        if errors_G.min() > left - 1e-9:
            return groups.isin(clips_GC.index[held_G])
        left, changed = float(errors_G.min()), int(errors_G.argmin())
        held_G[changed] = not held_G[changed]


def group_folds(
    labels: pd.Series, groups: pd.Series, seed: int, folds: int = FOLDS
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Divide the clips into folds of whole groups, stratified by class; fewer folds where groups are few.

    Returns the positions of the other folds' clips and of each fold's own.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # slow to import, and few stages divide clips

    fewest = int(groups.groupby(labels).nunique().min())
    splitter = StratifiedGroupKFold(min(folds, max(2, fewest)), shuffle=True, random_state=seed)
    return list(splitter.split(labels, labels, groups))


def sample_groups(clips: pd.DataFrame, limit: int, seed: int) -> np.ndarray:
    """Return the positions of at most `limit` clips: whole groups chosen at random, as many of each class."""
    groups = clips.groupby("group").agg(label=("label", "first"), clips=("label", "size"))
    groups = groups.sample(frac=1, random_state=seed)
    groups["rank"] = groups.groupby("label").cumcount()
    groups = groups.sort_values("rank", kind="stable")
    chosen = groups.index[(groups.clips.cumsum() <= limit) | (groups["rank"] < 2)]  # two are the least to divide
    return np.flatnonzero(clips.group.isin(chosen))


def with_test(clips: pd.DataFrame, fraction: float, seed: int) -> pd.DataFrame:
    """Return the clip table with a column split: "test" for a fraction of the groups, "train" for the others."""
    test = held_out(clips.label, clips.group, fraction, seed)
    return clips.assign(split=test.map({True: "test", False: "train"}))


def with_validation(clips: pd.DataFrame, fraction: float, seed: int) -> pd.DataFrame:
    """Return the clip table with a fraction of its training groups moved to split "val"."""
    train = clips[clips.split == "train"]
    val = held_out(train.label, train.group, fraction, seed)
    return clips.assign(split=clips.split.mask(val.reindex(clips.index, fill_value=False), "val"))


def limit_groups(clips: pd.DataFrame, limit: int, seed: int) -> pd.DataFrame:
    """Return whole groups, taken at random until each class has `limit` clips in each part of the split, or no more.

    A group of several classes counts for all of them. The order of the rows stays.
    """
    order = clips.group.drop_duplicates().sample(frac=1, random_state=seed)
    cells = dict(list(clips.groupby("group")[["label", "split"]]))
    counts: Counter[tuple[str, str]] = Counter()
    kept = set()
    for group in order:
        own = list(cells[group].itertuples(index=False, name=None))
        if any(counts[cell] < limit for cell in own):
            kept.add(group)
            counts.update(own)
    return clips[clips.group.isin(kept)]


def check_splits(clips: pd.DataFrame) -> None:
    """Raise VidseqError if a group is in two parts of the split, a class has no clip in one, or its name is taken."""
    if UNKNOWN in set(clips.label):
        raise VidseqError(f"a class is called '{UNKNOWN}', which is the answer for what is of no class: rename it")
    splits = clips.groupby("group").split.unique()
    leaks = splits[splits.str.len() > 1]
    if len(leaks):
        group, where = leaks.index[0], " and ".join(sorted(leaks.iloc[0]))
        raise VidseqError(
            f"group '{group}' is in two parts of the split ({where}), as are {len(leaks)} group(s) in all: clips of "
            "one recording in training and test inflate the score; fix the split lists or data.group_pattern"
        )
    counts = pd.crosstab(clips.label, clips.split).reindex(columns=list(SPLITS), fill_value=0)
    empty = [f"{label} in {split}" for label, row in counts.iterrows() for split in SPLITS if not row[split]]
    if empty:
        raise VidseqError(f"no clip of {', '.join(empty)}: every class needs clips in every part of the split")
    if len(counts) < 2:
        raise VidseqError(f"only one class ({counts.index[0]}): there is nothing to tell apart")
