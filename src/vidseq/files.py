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
from typing import Any
from uuid import uuid4

ABANDONED_S = 24 * 3600  # what a killed process was writing is removed when it is this old


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write a file or folder to; it replaces `path` when the block succeeds.

    If the block fails, `path` stays as it was. Of several writers, the last one to finish wins.
    """
    tmp = _tmp(path)
    try:
        yield tmp
        _replace(tmp, path)
    finally:
        remove(tmp)


@contextmanager
def write_once(path: Path) -> Iterator[Path]:
    """Like `atomic_write`, for caches: of several writers, the first one to finish wins."""
    tmp = _tmp(path)
    try:
        yield tmp
        if not path.exists():
            tmp.rename(path)
    except OSError:
        if not path.exists():
            raise
    finally:
        remove(tmp)


def _tmp(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path.parent, f".{escape(path.name)}.*.partial")
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
