"""The clip table, and the clips' files, which are found by their content."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from vidseq import files, paths
from vidseq.data.splits import check_splits
from vidseq.errors import VidseqError
from vidseq.progress import track

RESTORE = "to restore them, run dvc repro --force --single-item download"


def read_clips(table: Path = paths.CLIP_TABLE) -> pd.DataFrame:
    """Read the clip table: clip, path, label, group, split, sha256, all as text."""
    return pd.read_csv(table, dtype=str, keep_default_na=False)  # a class may be called None


def store_clips(clips: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Make the files of `folder` known by their content, and return the clip table with their `sha256`.

    A link is linked to once more; a file moves into the store, and a link takes its place.
    """

    def store(path: str) -> str:
        shown = folder / path
        digest = files.sha256(shown)
        stored = _stored(path, digest)
        with files.atomic_write(stored) as tmp:
            if shown.is_symlink() or shown.stat().st_nlink > 1:  # the user's own file, linked to by the source
                files.link(shown, tmp)
            else:
                shown.rename(tmp)
        if not os.path.lexists(shown):
            files.link(stored, shown)
        return digest

    with ThreadPoolExecutor() as pool:
        return clips.assign(sha256=list(track(pool.map(store, clips.path), "hashing clips", len(clips))))


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
