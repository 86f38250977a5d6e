"""One's own videos: `<path>/<Class>/*.mp4`, split by lists or by group."""

from pathlib import Path

import pandas as pd

from vidseq.errors import VidseqError
from vidseq.files import link
from vidseq.params import DataParams
from vidseq.paths import user_path
from vidseq.sources.groups import groups_by
from vidseq.sources.lists import read_lists
from vidseq.video.read import SUFFIXES, is_video

HINT = "put the videos in <Class>/ below it, or list them in a CSV (data.source: table)"


def find(params: DataParams) -> pd.DataFrame:
    """Return one row per video of the chosen classes, those in folders within a class included.

    The columns are clip ("<Class>/<stem>"), path (relative to `data.path`), file, label, group, and with lists also
    split ("train" or "test").
    """
    root = user_path(params.path)
    clips = find_files(root, params.classes)
    clips["group"] = groups_by(clips["clip"], params.group_pattern)
    alone = clips.group.isna()
    if alone.any():
        print(
            f"warning: {alone.sum()} of {len(clips)} file names have no group (data.group_pattern); each is taken as "
            "its own group. If some were cut from the same recording, leakage from training to test cannot be excluded."
        )
    clips["group"] = clips.group.mask(alone, clips["clip"])
    if params.split_lists is not None:
        clips = _split_by_lists(clips, user_path(params.split_lists), params.split)
    return clips


def fetch(params: DataParams, clips: pd.DataFrame, clips_dir: Path) -> None:
    """Link the files of the table into `clips_dir`."""
    for path, file in clips[["path", "file"]].drop_duplicates().itertuples(index=False):
        if file.exists():  # else its content is missed when the clips are stored
            link(file, clips_dir / path)


def find_files(root: Path, classes: list[str]) -> pd.DataFrame:
    """Return clip, path, file and label of all videos in the folders of the chosen classes, by default of all.

    What starts with a dot is left out, as macOS' `._<name>`, and so is a folder that is named like a video. Raises
    VidseqError where there is nothing.
    """
    if not root.is_dir():
        raise VidseqError(f"data.path: there is no folder {root}; it should hold one folder of videos per class")
    labels = classes or sorted(folder.name for folder in root.iterdir() if folder.is_dir() and folder.name[0] != ".")
    if not labels:
        raise VidseqError(f"{root} has no class folders: {HINT}")
    rows = []
    for label in labels:
        if label != Path(label).name or not (root / label).is_dir():  # no "../other": clips stay below data/clips
            raise VidseqError(f"data.classes: there is no folder '{label}' in {root}")
        found = [file for file in sorted((root / label).rglob("*")) if is_video(file, root)]
        if not found:
            raise VidseqError(f"{root / label} has no videos ({', '.join(sorted(SUFFIXES))})")
        rows += [{"path": file.relative_to(root).as_posix(), "file": file, "label": label} for file in found]
    clips = pd.DataFrame(rows)
    clips.insert(0, "clip", [Path(path).with_suffix("").as_posix() for path in clips.path])
    twice = clips[clips["clip"].duplicated(keep=False)]
    if len(twice):
        raise VidseqError(f"{' and '.join(twice.path[:2])} differ in their suffix alone: keep or rename one")
    return clips


def _split_by_lists(clips: pd.DataFrame, folder: Path, split: int) -> pd.DataFrame:
    lists = read_lists(folder, split)
    lists = lists[lists.label.isin(set(clips.label))]
    missing = sorted(set(lists.name) - set(clips.path))
    if missing:
        raise VidseqError(f"{len(missing)} clips of split {split} are not in data.path, the first is {missing[0]}")
    unlisted = len(clips) - len(lists)
    if unlisted:
        print(f"warning: {unlisted} videos are in no list of split {split} and stay unused")
    return clips.merge(lists[["name", "split"]], left_on="path", right_on="name").drop(columns="name")
