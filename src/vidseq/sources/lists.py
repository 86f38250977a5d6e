"""UCF101's official split lists, or one's own in the same format."""

import re
from pathlib import Path

import pandas as pd

from vidseq.errors import VidseqError

# a class and a file: whoever wrote the list, no clip is linked outside the folder of clips
NAME = re.compile(r"(?![A-Za-z]:)(?!\.{1,2}/)[^/\\\0]+/(?!\.{1,2}$)[^/\\\0]+")


def list_names(split: int) -> tuple[str, str]:
    """Return the names of the files that list the training and the test clips of a split."""
    return f"trainlist{split:02d}.txt", f"testlist{split:02d}.txt"


def read_lists(folder: Path, split: int) -> pd.DataFrame:
    """Read UCF101's official lists, `trainlist01.txt` and `testlist01.txt` for split 1.

    Returns one row per clip: name ("Punch/v_Punch_g01_c01.avi"), label ("Punch"), split ("train" or "test").
    """
    tables = []
    for part, name in zip(("train", "test"), list_names(split), strict=True):
        path = folder / name
        if not path.is_file():
            raise VidseqError(
                f"{path} is missing: it should list the clips of split {split}, one <Class>/<file> per line"
            )
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise VidseqError(f"{path} is not text in UTF-8: {error}") from error
        # a training line ends in the class's number, which the folder's name says already
        names = [re.sub(r"\s+\d+$", "", line.strip()) for line in lines]
        tables.append(pd.DataFrame({"name": [name for name in names if name], "split": part}))
    lists = pd.concat(tables, ignore_index=True)
    odd = lists.name[~lists.name.str.fullmatch(NAME)]
    if len(odd):
        raise VidseqError(f"{folder}: {odd.iloc[0]!r} is not of the form <Class>/<file>")
    twice = lists.name[lists.name.duplicated()]
    if len(twice):
        raise VidseqError(f"{folder}: '{twice.iloc[0]}' is listed twice in split {split}")
    lists["label"] = lists.name.str.split("/").str[0]
    return lists[["name", "label", "split"]]
