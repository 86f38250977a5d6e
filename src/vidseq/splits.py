"""Who stands on which side: official lists, held-out groups, and the proof that no group stands on two sides."""

import re
from pathlib import Path

import pandas as pd

from vidseq.errors import VidseqError

SIDES = ("train", "val", "test")


def read_lists(folder: Path, split: int) -> pd.DataFrame:
    """Read UCF101's official lists, `trainlist01.txt` and `testlist01.txt` for split 1.

    Returns one row a clip: name ("Punch/v_Punch_g01_c01.avi"), label ("Punch"), split ("train" or "test").
    """
    tables = []
    for side in ("train", "test"):
        path = folder / f"{side}list{split:02d}.txt"
        if not path.is_file():
            raise VidseqError(
                f"{path} is missing: it should list the clips of split {split}, one <Class>/<file> a line"
            )
        # a training line ends in the class's number, which the folder's name says already
        names = [re.sub(r"\s+\d+$", "", line.strip()) for line in path.read_text(encoding="utf-8-sig").splitlines()]
        tables.append(pd.DataFrame({"name": [name for name in names if name], "split": side}))
    lists = pd.concat(tables, ignore_index=True)
    flat = lists.name[~lists.name.str.contains("/")]
    if len(flat):
        raise VidseqError(f"{folder}: '{flat.iloc[0]}' is not of the form <Class>/<file>")
    twice = lists.name[lists.name.duplicated()]
    if len(twice):
        raise VidseqError(f"{folder}: '{twice.iloc[0]}' is listed twice in split {split}")
    lists["label"] = lists.name.str.split("/").str[0]
    return lists[["name", "label", "split"]]


def held_out(labels: pd.Series, groups: pd.Series, share: float, seed: int) -> pd.Series:
    """Choose whole groups that hold about `share` of the clips, stratified by class.

    Returns a boolean series over the clips, true where held out. A pure function of its arguments.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # slow to import, and only download draws

    fewest = groups.groupby(labels).nunique()
    if fewest.min() < 2:
        raise VidseqError(
            f"class '{fewest.idxmin()}' has only one group ({groups[labels == fewest.idxmin()].iloc[0]}) to divide: "
            "it cannot stand on both sides; add clips of other groups or drop the class (data.classes)"
        )
    folds = min(max(2, round(1 / share)), int(fewest.min()))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    _, chosen = next(splitter.split(labels, labels, groups))
    mask = pd.Series(False, index=labels.index)
    mask.iloc[chosen] = True
    return mask


def with_test(clips: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """Return the clip table with a column split: "test" for a share of the groups, "train" for the others."""
    test = held_out(clips.label, clips.group, share, seed)
    return clips.assign(split=test.map({True: "test", False: "train"}))


def with_validation(clips: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """Return the clip table with a share of its training groups moved to split "val"."""
    train = clips[clips.split == "train"]
    val = held_out(train.label, train.group, share, seed)
    return clips.assign(split=clips.split.mask(val.reindex(clips.index, fill_value=False), "val"))


def check_splits(clips: pd.DataFrame) -> None:
    """Stop if a group stands on two sides, or if a class has no clip on one of them."""
    sides = clips.groupby("group").split.unique()
    leaks = sides[sides.str.len() > 1]
    if len(leaks):
        group, where = leaks.index[0], " and ".join(sorted(leaks.iloc[0]))
        raise VidseqError(
            f"group '{group}' stands on two sides of the split ({where}), {len(leaks)} group(s) in all do: "
            "the test would be flattered by siblings of training clips; mend the split lists or data.group_pattern"
        )
    counts = pd.crosstab(clips.label, clips.split).reindex(columns=list(SIDES), fill_value=0)
    empty = [f"{label} in {side}" for label, row in counts.iterrows() for side in SIDES if not row[side]]
    if empty:
        raise VidseqError(f"no clip of {', '.join(empty)}: every class needs clips on every side of the split")
    if len(counts) < 2:
        raise VidseqError(f"only one class ({counts.index[0]}): there is nothing to tell apart")
