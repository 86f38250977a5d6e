"""One's own videos: `<path>/<Class>/*.mp4`, split by lists or by group."""

import re
from pathlib import Path

import pandas as pd

from vidseq.errors import VidseqError
from vidseq.files import link
from vidseq.params import DataParams
from vidseq.paths import user_path
from vidseq.sources.lists import read_lists
from vidseq.video.read import SUFFIXES


def prepare(params: DataParams, clips_dir: Path) -> pd.DataFrame:
    """Link the videos of the chosen classes into `clips_dir`.

    Returns one row per clip: clip ("<Class>/<stem>"), path (relative to `clips_dir`), label, group, and with lists also
    split ("train" or "test").
    """
    root = user_path(params.path)
    files = _find(root, params.classes)
    clips = pd.DataFrame({"path": [file.relative_to(root).as_posix() for file in files]})
    clips["clip"] = [file.relative_to(root).with_suffix("").as_posix() for file in files]
    clips["label"] = clips.path.str.split("/").str[0]
    clips["group"] = _groups(clips, params.group_pattern)
    twice = clips[clips["clip"].duplicated(keep=False)]
    if len(twice):
        raise VidseqError(f"{' and '.join(twice.path[:2])} differ in their suffix alone: keep or rename one")
    if params.split_lists is not None:
        clips = _split_by_lists(clips, user_path(params.split_lists), params.split)
    for path in clips.path:
        link(root / path, clips_dir / path)
    return clips


def _find(root: Path, classes: list[str]) -> list[Path]:
    if not root.is_dir():
        raise VidseqError(f"data.path: there is no folder {root}; it should hold one folder of videos per class")
    labels = classes or sorted(folder.name for folder in root.iterdir() if folder.is_dir() and folder.name[0] != ".")
    if not labels:
        raise VidseqError(f"{root} has no class folders: put the videos in {root}/<Class>/")
    files = []
    for label in labels:
        if not (root / label).is_dir():
            raise VidseqError(f"data.classes: there is no folder {root / label}")
        found = sorted(f for f in (root / label).iterdir() if f.suffix.lower() in SUFFIXES)
        if not found:
            raise VidseqError(f"{root / label} has no videos ({', '.join(sorted(SUFFIXES))})")
        files += found
    return files


def _groups(clips: pd.DataFrame, pattern: str) -> pd.Series:
    try:
        found = clips["clip"].str.split("/").str[-1].str.extract(pattern, expand=True)
    except (re.error, ValueError) as error:
        raise VidseqError(
            f"data.group_pattern: {error}; it should capture the group's name, as in _(g\\d+)_"
        ) from error
    alone = found[0].isna()
    if alone.any():
        print(
            f"warning: {alone.sum()} of {len(clips)} file names have no group (data.group_pattern); each is taken as "
            "its own group. If some were cut from the same recording, leakage from training to test cannot be excluded."
        )
    return found[0].mask(alone, clips["clip"])


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
