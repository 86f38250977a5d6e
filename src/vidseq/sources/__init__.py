"""Where clips come from. Each source makes a table and files; no later stage knows which one it was."""

from pathlib import Path
from typing import Protocol

import pandas as pd

from vidseq.data.splits import check_splits, limit_groups, with_test, with_validation
from vidseq.params import DataParams
from vidseq.sources import demo, folder, table, ucf101

COLUMNS = ["clip", "path", "start", "end", "label", "group", "split"]


class Source(Protocol):
    """A module that knows the clips of a source, and brings those that are wanted."""

    def find(self, params: DataParams) -> pd.DataFrame:
        """Return clip (its name), path (relative to the folder of clips), label, group, and what else is known: split,
        start and end, and as `file` where the clip lies.
        """

    def fetch(self, params: DataParams, clips: pd.DataFrame, clips_dir: Path) -> None:
        """Put the files of such a table into `clips_dir`."""


SOURCES: dict[str, Source] = {"demo": demo, "ucf101": ucf101, "folder": folder, "table": table}


def prepare(params: DataParams, clips_dir: Path) -> pd.DataFrame:
    """Put the clips into `clips_dir` and return the clip table.

    One row per clip: clip (its name), path (relative to `clips_dir`), start and end (s, NaN where it is the whole
    file), label, group, split ("train", "val" or "test"). Raises VidseqError if a group is in two parts of the split or
    a class is missing in one.
    """
    clips = divide(SOURCES[params.source].find(params), params)
    SOURCES[params.source].fetch(params, clips, clips_dir)
    return clips.reindex(columns=COLUMNS)


def divide(clips: pd.DataFrame, params: DataParams) -> pd.DataFrame:
    """Complete the split of a source's table, say what came out, check it, and keep what `data.limit` asks for."""
    if "split" not in clips:
        clips = with_test(clips, params.test_fraction, params.seed)
        print(_outcome(clips.split == "test", "test", params.test_fraction))
    if "val" not in set(clips.split):
        clips = with_validation(clips, params.val_fraction, params.seed)
        print(_outcome(clips.split[clips.split != "test"] == "val", "val", params.val_fraction))
    check_splits(clips)
    if params.limit is not None:
        found, clips = len(clips), limit_groups(clips, params.limit, params.seed)
        print(f"{len(clips)} of {found} clips: data.limit = {params.limit}")
    return clips.sort_values("clip", ignore_index=True)


def _outcome(held_out: pd.Series, split: str, fraction: float) -> str:
    of = "clips" if split == "test" else "other clips"
    return (
        f"{split}: {held_out.sum()} of {len(held_out)} {of}, {held_out.mean():.3f} (data.{split}_fraction {fraction:g})"
    )
