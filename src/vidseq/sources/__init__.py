"""Where clips come from. Each source makes files and a table; no later stage knows which one it was."""

from pathlib import Path

import pandas as pd

from vidseq.params import DataParams
from vidseq.sources import demo, folder, ucf101
from vidseq.splits import check_splits, with_test, with_validation

SOURCES = {"demo": demo.prepare, "ucf101": ucf101.prepare, "folder": folder.prepare}


def prepare(params: DataParams, clips_dir: Path) -> pd.DataFrame:
    """Put the clips into `clips_dir` and return the clip table.

    One row a clip: clip (its name), path (relative to `clips_dir`), label, group, split ("train", "val" or "test").
    Raises VidseqError if a group stands on two sides or a class is missing on one.
    """
    clips = SOURCES[params.source](params, clips_dir)
    if "split" not in clips:
        clips = with_test(clips, params.test_share, params.seed)
    clips = with_validation(clips, params.val_share, params.seed)
    check_splits(clips)
    return clips.sort_values("clip", ignore_index=True)
