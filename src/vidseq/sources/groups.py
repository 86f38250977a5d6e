"""Which clips belong together: those cut from one recording, as far as their names tell."""

import re

import pandas as pd

from vidseq.errors import VidseqError

FEWEST = 3  # groups of a class: one for each part of the split
RULES = {  # what names a recording, the surest first: the pattern of data.group_pattern
    "UCF101's names": r"^v_(.+_g\d+)_c\d+$",
    "sub-folders": r"^(.+)/",
    "a common prefix": r"^(.+)[ _.-][^ _.-]+$",
    "a common first part": r"^([^ _.-]+)[ _.-]",
}


def groups_by(clips: pd.Series, pattern: str) -> pd.Series:
    """Return what `pattern` captures in each clip's name below its class, NaN where it does not match.

    Raises VidseqError for a pattern that is no regular expression or captures nothing.
    """
    try:
        return clips.str.partition("/")[2].str.extract(pattern, expand=True)[0]
    except (re.error, ValueError) as error:
        raise VidseqError(
            f"data.group_pattern: {error}; it should capture the group's name, as in _(g\\d+)_"
        ) from error


def find_rule(clips: pd.DataFrame) -> str | None:
    """Return the first of RULES that gives every clip (clip, label) a group, each class enough groups, and puts clips
    together; None if none does.
    """
    for rule, pattern in RULES.items():
        groups = groups_by(clips["clip"], pattern)
        if (
            groups.notna().all()
            and groups.nunique() < len(clips)
            and groups.groupby(clips.label).nunique().min() >= FEWEST
        ):
            return rule
    return None
