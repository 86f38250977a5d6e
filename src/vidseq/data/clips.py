"""The clip table, and the clips' files, which are found by their content."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vidseq import files, paths
from vidseq.data.splits import check_splits
from vidseq.errors import VidseqError
from vidseq.progress import track

RESTORE = "to restore them, run dvc repro --force --single-item download"


def read_clips(table: Path = paths.CLIP_TABLE) -> pd.DataFrame:
    """Read the clip table: clip, path, start, end, label, group, split, sha256.

    `start` and `end` are the part of the file that is the clip, in s, NaN where it is the whole file; all else is text.
    """
    clips = pd.read_csv(table, dtype=str, keep_default_na=False)  # a class may be called None
    return clips.assign(**{bound: clips[bound].replace("", "nan").astype(float) for bound in ("start", "end")})


def store_clips(clips: pd.DataFrame, folder: Path, on_bad_clip: str) -> pd.DataFrame:
    """Make the files of `folder` known by their content, and return the clip table with their `sha256`.

    A link is linked to once more; a file moves into the store, and a link takes its place. What `drop_unreadable` does
    about files that cannot be read is said by `on_bad_clip`.
    """

    def store(path: str) -> str | OSError:
        shown = folder / path
        try:
            digest = files.sha256(shown)
        except OSError as error:  # a link that leads nowhere, or missing rights
            return error
        stored = _stored(path, digest)
        with files.atomic_write(stored) as tmp:
            if shown.is_symlink() or shown.stat().st_nlink > 1:  # the user's own file, linked to by the source
                files.link(shown, tmp)
            else:
                shown.rename(tmp)
        if not os.path.lexists(shown):
            files.link(stored, shown)
        return digest

    distinct = clips.path.unique()  # many clips may lie in one recording
    with ThreadPoolExecutor() as pool:
        stored = list(track(pool.map(store, distinct), "hashing clips", len(distinct)))
    found = clips.path.map(dict(zip(distinct, stored, strict=True)))
    errors = {clip: error for clip, error in zip(clips["clip"], found, strict=True) if isinstance(error, OSError)}
    reasons = {clip: error.strerror or str(error) for clip, error in errors.items()}
    return drop_unreadable(clips.assign(sha256=found), reasons, on_bad_clip)


def check_duplicates(clips: pd.DataFrame, on_duplicate: str) -> None:
    """Find clips of equal content, or with a part in common, under two labels or in two parts of the split.

    With `on_duplicate` "fail" they raise VidseqError with a list of all; with "warn" the list is printed.
    """
    pairs = [(a, b) for a, b in equal_clips(clips) if a.label != b.label or a.split != b.split]
    if not pairs:
        return
    lines = "\n".join("  " + " and ".join(f"{row.clip} ({row.label}, {row.split})" for row in pair) for pair in pairs)
    said = f"{len(pairs)} pair(s) of clips have content in common, and two labels or two parts of the split"
    if on_duplicate == "fail":
        raise VidseqError(
            f"{said}; remove or relabel one of each, or accept them with data.on_duplicate=warn:\n{lines}"
        )
    print(f"warning: {said}:\n{lines}")


def equal_clips(clips: pd.DataFrame) -> Iterator[tuple[Any, Any]]:
    """Yield the pairs of rows whose files are equal and whose intervals overlap; each has the table's columns."""
    clips = clips.assign(start=clips.start.fillna(0.0), end=clips.end.fillna(np.inf))
    for _, rows in clips[clips.sha256.duplicated(keep=False)].sort_values(["start", "clip"]).groupby("sha256"):
        before: list[Any] = []
        for row in rows.itertuples(index=False):
            before = [other for other in before if other.end > row.start]
            yield from ((other, row) for other in before)
            before.append(row)


def clip_files(clips: pd.DataFrame) -> list[Path]:
    """Return the file of each clip of the table. Raises VidseqError with the command that restores missing ones."""
    found = [_stored(path, digest) for path, digest in zip(clips.path, clips.sha256, strict=True)]
    missing = [path for path, file in zip(clips.path, found, strict=True) if not file.exists()]
    if missing:
        raise VidseqError(f"{len(missing)} of {len(clips)} clips are missing, the first is {missing[0]}: {RESTORE}")
    return found


def _stored(path: str, digest: str) -> Path:
    return paths.cache("clips") / digest[:2] / f"{digest}{Path(path).suffix.lower()}"


def drop_unreadable(clips: pd.DataFrame, reasons: dict[str, str], on_bad_clip: str) -> pd.DataFrame:
    """Return the clip table without the clips in `reasons`, which maps a clip's name to why it cannot be read.

    With `on_bad_clip` "fail", any such clip raises VidseqError. With "skip" each is named in the log; it still raises
    if a class or a part of the split would be empty.
    """
    if not reasons:
        return clips
    lines = "\n".join(f"  {clip}: {reason}" for clip, reason in sorted(reasons.items()))
    if on_bad_clip == "fail":
        raise VidseqError(
            f"{len(reasons)} of {len(clips)} clips cannot be read; fix or remove them, or skip them with "
            f"data.on_bad_clip=skip:\n{lines}"
        )
    print(f"skipped {len(reasons)} of {len(clips)} clips that cannot be read:\n{lines}")
    good = clips[~clips["clip"].isin(reasons.keys())]
    if good.label.nunique() < clips.label.nunique():
        lost = ", ".join(sorted(set(clips.label) - set(good.label)))
        raise VidseqError(f"no clip of {lost} can be read: drop the class (data.classes) or fix its clips")
    check_splits(good)
    return good
