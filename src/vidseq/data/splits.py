"""Splits by group: no group of clips is ever in two parts of the split."""

import numpy as np
import pandas as pd

from vidseq.errors import VidseqError

SPLITS = ("train", "val", "test")
FOLDS = 5


def held_out(labels: pd.Series, groups: pd.Series, fraction: float, seed: int) -> pd.Series:
    """Choose whole groups that hold about `fraction` of the clips, stratified by class.

    Returns a boolean series over the clips, true where held out. A pure function of its arguments.
    """
    fewest = groups.groupby(labels).nunique()
    if fewest.min() < 2:
        raise VidseqError(
            f"class '{fewest.idxmin()}' has only one group ({groups[labels == fewest.idxmin()].iloc[0]}) to divide: "
            "it cannot be in both parts; add clips of other groups or drop the class (data.classes)"
        )
    _, chosen = group_folds(labels, groups, seed, max(2, round(1 / fraction)))[0]
    mask = pd.Series(False, index=labels.index)
    mask.iloc[chosen] = True
    return mask


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


def check_splits(clips: pd.DataFrame) -> None:
    """Raise VidseqError if a group is in two parts of the split, or if a class has no clip in one of them."""
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
