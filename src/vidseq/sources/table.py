"""One's own table: a CSV of clips, each a file or a part of one, so that long recordings train without being cut."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from vidseq.data.splits import SPLITS
from vidseq.errors import VidseqError
from vidseq.params import DataParams
from vidseq.paths import user_path
from vidseq.sources.folder import fetch

__all__ = ["fetch", "find"]
NEEDED, KNOWN = ("path", "label"), ("path", "start", "end", "label", "group", "split")


def find(params: DataParams) -> pd.DataFrame:
    """Read the CSV `data.path`: path (absolute or relative to the CSV), start, end (s), label, group, split.

    Only `path` and `label` are needed. An interval without a bound reaches to the file's own; without a group, the
    rows of one file are one group. Returns one row per clip: clip ("<path>@<start>-<end>"), path (relative to the
    folder that all files have in common), file, start, end, label, group, and split if the table has it. Raises
    VidseqError with the line of what is wrong.
    """
    table = user_path(params.path)
    rows = _read(table)
    _check(rows, table)
    if params.classes:
        missing = [label for label in params.classes if label not in set(rows.label)]
        if missing:
            raise VidseqError(f"data.classes: {table} has no label '{missing[0]}'")
        rows = rows[rows.label.isin(params.classes)]
    rows = rows.reset_index(drop=True)
    files = [Path(os.path.normpath(table.parent / path)) for path in rows.path]
    common = os.path.commonpath([file.parent for file in files])
    rows["file"], rows["path"] = files, [file.relative_to(common).as_posix() for file in files]
    rows["group"] = rows.group.mask(rows.group == "", rows.path)
    stems = pd.Series([Path(path).with_suffix("").as_posix() for path in rows.path])
    marks = [f"@{_text(a)}-{_text(b)}" * (a == a or b == b) for a, b in zip(rows.start, rows.end, strict=True)]
    rows["clip"] = stems + marks
    again = rows.groupby("clip").cumcount()
    rows["clip"] += again.map(lambda times: f"#{times + 1}" if times else "")
    return rows.drop(columns="split") if (rows.split == "").all() else rows


def _text(seconds: float) -> str:
    return "" if np.isnan(seconds) else repr(seconds)


def _read(table: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(
            table, dtype=str, keep_default_na=False, encoding="utf-8-sig", skip_blank_lines=False, index_col=False
        )
    except (OSError, ValueError) as error:
        raise VidseqError(f"data.path: {table} is no table of clips: {' '.join(str(error).split())}") from error
    rows = rows.fillna("")
    rows = rows[(rows != "").any(axis=1)]  # blank lines count where a line is named
    rows.columns = rows.columns.str.strip()
    for column in rows.columns.difference(KNOWN):
        raise VidseqError(f"{table} has a column '{column}'; known are {', '.join(KNOWN)}")
    for column in NEEDED:
        if column not in rows:
            raise VidseqError(f"{table} has no column '{column}'; needed are {', '.join(NEEDED)}")
    if rows.empty:
        raise VidseqError(f"{table} lists no clips")
    return rows.reindex(columns=KNOWN, fill_value="").apply(lambda column: column.str.strip())


def _check(rows: pd.DataFrame, table: Path) -> None:
    """Turn start and end into numbers. Raises VidseqError with the first line that is wrong."""

    def refuse(wrong: pd.Series, reason: str) -> None:
        if wrong.any():
            row = rows[wrong].iloc[0]
            raise VidseqError(f"{table}, line {wrong.idxmax() + 2}: {reason} ({', '.join(map(str, row))})")

    for column in NEEDED:
        refuse(rows[column] == "", f"no {column}")
    for bound in ("start", "end"):
        seconds = pd.to_numeric(rows[bound].replace("", "nan"), errors="coerce")
        refuse((rows[bound] != "") & ~(seconds >= 0) | np.isinf(seconds), f"{bound} should be a number of seconds")
        rows[bound] = seconds.astype(float)
    refuse(rows.end <= rows.start.fillna(0.0), "the clip ends before it begins")
    given = rows.split != ""
    refuse(given & ~rows.split.isin(SPLITS), f"split should be one of {', '.join(SPLITS)}")
    if given.any():
        refuse(~given, "no split, which other lines have")
