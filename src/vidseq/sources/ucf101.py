"""UCF101: only the chosen classes' clips are fetched from the archive, and split by the official lists."""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from vidseq.errors import VidseqError
from vidseq.files import atomic_write, link
from vidseq.paths import cache, user_path
from vidseq.progress import track
from vidseq.sources.lists import list_names, read_lists
from vidseq.sources.remote_zip import ZipArchive, check_member, is_url, read_all

if TYPE_CHECKING:
    from vidseq.params import DataParams

Found = TypeVar("Found")

DEFAULT_CLASSES = ("CricketShot", "PlayingCello", "Punch", "ShavingBeard", "TennisSwing")
VIDEOS_URL = "https://storage.googleapis.com/thumos14_files/UCF101_videos.zip"
VIDEOS_SIZE = 6_960_400_115  # bytes
LISTS_URL = "https://www.crcv.ucf.edu/data/UCF101/UCF101TrainTestSplits-RecognitionTask.zip"
LISTS_SHA256 = "5c0d1a53b8ed364a2ac830a73f405e51bece7d98ce1254fd19ed4a36b224bd27"
CONNECTIONS = 8  # clips fetched at a time


def find(params: "DataParams") -> pd.DataFrame:
    """Return one row per clip of the chosen classes: clip (the file's stem), path (`<Class>/<file>.avi`), label, group
    ("Punch_g08": one person and place), split ("train" or "test"), from the lists alone.
    """
    lists = _lists(params.ucf101.lists, params.split)
    classes = params.classes or DEFAULT_CLASSES
    _check_classes(classes, set(lists.label))
    clips = lists[lists.label.isin(classes)].rename(columns={"name": "path"})
    clips[["clip", "group"]] = clips.path.str.extract(r"/(v_(.+_g\d+)_c\d+)\.avi$")
    odd = clips.path[clips["clip"].isna()]
    if len(odd):
        raise VidseqError(f"{params.ucf101.lists}: '{odd.iloc[0]}' is not of the form <Class>/v_<Class>_g01_c01.avi")
    return clips.sort_values("clip", ignore_index=True)[["clip", "path", "label", "group", "split"]]


def fetch(params: "DataParams", clips: pd.DataFrame, clips_dir: Path) -> None:
    """Link the clips of the table into `clips_dir`. Raises VidseqError if one cannot be downloaded."""
    files = _files(params.ucf101.videos, [f"{clip}.avi" for clip in clips["clip"]])
    for path, file in zip(clips.path, files, strict=True):
        link(file, clips_dir / path)


def _local(location: str, key: str) -> Path:
    path = user_path(location)
    if not path.exists():
        raise VidseqError(f"{key}: there is no file or folder {path}")
    return path


def _lists(location: str, split: int) -> pd.DataFrame:
    if not is_url(location):
        path = _local(location, "data.ucf101.lists")
        if path.is_dir():
            return _lists_in(path, location, split)
        location = str(path)
    content = read_all(location)
    if location == LISTS_URL and hashlib.sha256(content).hexdigest() != LISTS_SHA256:
        raise VidseqError(f"{location} is not the file that it was: its SHA-256 differs from {LISTS_SHA256}")
    with TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for info in archive.infolist():
                    if (name := PurePosixPath(info.filename).name) in list_names(split):
                        check_member(location, info)
                        (Path(folder) / name).write_bytes(archive.read(info))
        except (zipfile.BadZipFile, zlib.error) as error:
            raise VidseqError(f"{location} is not an intact zip archive: {error}") from error
        return _lists_in(Path(folder), location, split)


def _lists_in(folder: Path, location: str, split: int) -> pd.DataFrame:
    found = sorted(folder.rglob(f"trainlist{split:02d}.txt"))
    if not found:
        raise VidseqError(f"data.ucf101.lists: {location} holds no trainlist{split:02d}.txt")
    return read_lists(found[0].parent, split)


def _check_classes(classes: Iterable[str], known: set[str]) -> None:
    names = {label.lower(): label for label in sorted(known)}
    for label in classes:
        if label not in known:
            close = ", ".join(names[match] for match in get_close_matches(label.lower(), names, cutoff=0))
            raise VidseqError(f"data.classes: UCF101 has no class '{label}'; the closest are {close}")


def _files(location: str, names: list[str]) -> list[Path]:
    """Return where each clip lies: in the local folder, or in the cache once it is fetched."""
    if not is_url(location):
        path = _local(location, "data.ucf101.videos")
        location = str(path)
        if path.is_dir():
            return _pick({file.name.lower(): file for file in path.rglob("v_*.avi")}, names, location)
    archive = ZipArchive(location)
    if location == VIDEOS_URL and archive.size != VIDEOS_SIZE:
        raise VidseqError(f"{location} is not the file that it was: {archive.size} bytes instead of {VIDEOS_SIZE}")
    return _fetch(archive, _pick(archive.members, names, location))


def _pick(found: dict[str, Found], names: list[str], location: str) -> list[Found]:
    # in lower case, because copies of UCF101 differ in v_HandStandPushups and v_HandstandPushups
    missing = [name for name in names if name.lower() not in found]
    if missing:
        some = ", ".join(missing[:3]) + (", ..." if missing[3:] else "")
        raise VidseqError(f"data.ucf101.videos: {len(missing)} of {len(names)} clips are not in {location}: {some}")
    return [found[name.lower()] for name in names]


def _fetch(archive: ZipArchive, infos: list[zipfile.ZipInfo]) -> list[Path]:
    """Return the members' files in the cache; those that an earlier call has finished are not read again."""
    folder = cache("ucf101")

    def keep(info: zipfile.ZipInfo) -> Path:
        file = folder / f"{info.CRC:08x}-{Path(info.filename).name}"  # the CRC keeps different archives apart
        if not file.is_file() or file.stat().st_size != info.file_size:
            content = archive.read(info)
            with atomic_write(file) as tmp:
                tmp.write_bytes(content)
        return file

    pool = ThreadPoolExecutor(CONNECTIONS)
    try:
        return list(track(pool.map(keep, infos), "fetching clips", len(infos)))
    finally:
        pool.shutdown(cancel_futures=True)  # one failure ends the rest
