"""Clips that cannot be read: list them all and stop, or leave them out and go on."""

import pandas as pd

from vidseq.errors import VidseqError
from vidseq.splits import check_splits


def drop_bad(clips: pd.DataFrame, reasons: dict[str, str], on_bad_clip: str) -> pd.DataFrame:
    """Return the clip table without the clips in `reasons`, which maps a bad clip's name to why it is bad.

    With `on_bad_clip` "fail", any bad clip raises VidseqError. With "skip" each is named in the log; it still raises if
    a class or a side of the split would be empty.
    """
    if not reasons:
        return clips
    lines = "\n".join(f"  {clip}: {reason}" for clip, reason in sorted(reasons.items()))
    if on_bad_clip == "fail":
        raise VidseqError(
            f"{len(reasons)} of {len(clips)} clips cannot be read; mend or remove them, or leave them out with "
            f"data.on_bad_clip=skip:\n{lines}"
        )
    print(f"skipped {len(reasons)} of {len(clips)} clips that cannot be read:\n{lines}")
    good = clips[~clips["clip"].isin(reasons.keys())]
    if good.label.nunique() < clips.label.nunique():
        lost = ", ".join(sorted(set(clips.label) - set(good.label)))
        raise VidseqError(f"no clip of {lost} can be read: drop the class (data.classes) or mend its clips")
    check_splits(good)
    return good
