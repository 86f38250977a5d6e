"""Atomic writes: a killed process never leaves half a file, and any number of processes may write at the same time."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from uuid import uuid4

from vidseq.errors import REFUSALS, VidseqError

PROBE = 1 << 20  # bytes
ABANDONED_S = 24 * 3600  # what a killed process was writing is removed when it is this old


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write a file or folder to; it replaces `path` when the block succeeds.

    If the block fails, `path` stays as it was. Of several writers, the last one to finish wins. Raises VidseqError,
    which names the path, where the file system refuses: a full disk, missing rights.
    """
    with _writing(path) as tmp:
        yield tmp
        _sync(tmp)
        _replace(tmp, path)


@contextmanager
def write_once(path: Path) -> Iterator[Path]:
    """Like `atomic_write`, for caches: of several writers, the first one to finish wins."""
    with _writing(path) as tmp:
        yield tmp
        _sync(tmp)
        try:
            if not path.exists():
                tmp.rename(path)
        except OSError:
            if not path.exists():
                raise


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and leave nothing there; name `path` where the file system refuses."""
    tmp = _tmp(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path.parent, f".{escape(path.name)}.*.partial")
        yield tmp
    except VidseqError:
        raise
    except Exception as error:
        refused = error if isinstance(error, OSError) and error.errno in REFUSALS else _refusal(path.parent)
        if refused is None:
            raise
        named = str(refused.filename) if refused is error and refused.filename else str(path)
        raise VidseqError(f"{named.replace(str(tmp), str(path))}: {refused.strerror}") from error
    finally:
        with suppress(OSError):  # what cannot be removed now is abandoned
            remove(tmp)


def _refusal(folder: Path) -> OSError | None:
    """Ask the file system why nothing can be written to `folder`: some libraries hide the reason."""
    try:
        with TemporaryFile(dir=folder) as file:
            file.write(bytes(PROBE))
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None


def _sync(tmp: Path) -> None:
    """Bring a file, or all files of a folder, to the disk: renamed before that, they could be empty after a crash."""
    for file in tmp.rglob("*") if tmp.is_dir() else [tmp]:
        if file.is_file() and not file.is_symlink():
            number = os.open(file, os.O_RDWR if os.name == "nt" else os.O_RDONLY)  # Windows syncs what it may write
            try:
                os.fsync(number)
            finally:
                os.close(number)


def _tmp(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid4().hex}.partial")


def _replace(tmp: Path, path: Path) -> None:
    while True:
        try:
            tmp.replace(path)
            return
        except OSError:
            if not os.path.lexists(tmp) or not (path.is_dir() or tmp.is_dir()):
                raise
        # a folder cannot be renamed onto another: move that one away, unless another writer was quicker
        old = _tmp(path)
        with suppress(FileNotFoundError):
            path.rename(old)
        remove(old)


def remove_abandoned(folder: Path, pattern: str) -> None:
    """Remove what killed processes left of their writing in `folder` more than a day ago."""
    for tmp in folder.glob(pattern):
        with suppress(FileNotFoundError):  # finished meanwhile by its writer
            if tmp.lstat().st_mtime < time.time() - ABANDONED_S:
                remove(tmp)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """Make `target` a symlink to `source`, or a hard link or a copy where the file system has no symlinks."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for make in (os.symlink, os.link):
        with suppress(OSError):
            return make(source.resolve(), target)
    shutil.copyfile(source, target)
    return None


def sha256(path: Path) -> str:
    """Return the hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON, keys in the order given; NaN and infinity are a ValueError."""
    with atomic_write(path) as tmp:
        tmp.write_text(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
