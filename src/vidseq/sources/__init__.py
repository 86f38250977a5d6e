"""Where clips come from. Each source makes files and a table; no later stage knows which one it was."""

from pathlib import Path

import pandas as pd

from vidseq.data.splits import check_splits, with_test, with_validation
from vidseq.params import DataParams
from vidseq.sources import demo, folder, ucf101

SOURCES = {"demo": demo.prepare, "ucf101": ucf101.prepare, "folder": folder.prepare}


def prepare(params: DataParams, clips_dir: Path) -> pd.DataFrame:
    """Put the clips into `clips_dir` and return the clip table.

    One row per clip: clip (its name), path (relative to `clips_dir`), label, group, split ("train", "val" or "test").
    Raises VidseqError if a group is in two parts of the split or a class is missing in one.
    """
    clips = SOURCES[params.source](params, clips_dir)
    if "split" not in clips:
        clips = with_test(clips, params.test_fraction, params.seed)
    clips = with_validation(clips, params.val_fraction, params.seed)
    check_splits(clips)
    return clips.sort_values("clip", ignore_index=True)
