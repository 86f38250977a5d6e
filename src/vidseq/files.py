"""Writing beside and renaming, so that a killed process never leaves half a file."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write a file or folder to; it takes the place of `path` when the block succeeds.

    Whatever stood at `path` stays untouched if the block fails.
    """
    beside = path.with_name(f".{path.name}.partial")
    remove(beside)
    path.parent.mkdir(parents=True, exist_ok=True)
    yield beside
    if beside.is_dir():  # a folder cannot be renamed onto one that holds files
        remove(path)
    beside.replace(path)


@contextmanager
def adding(path: Path) -> Iterator[Path]:
    """Like `replacing`, for caches that several processes fill at a time: what came first stays."""
    beside = path.with_name(f".{uuid4().hex}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield beside
        if not path.exists():
            beside.rename(path)
    except OSError:
        if not path.exists():
            raise
    finally:
        remove(beside)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """Make `target` show the file `source` without a copy where the file system allows: symlink, hard link, copy."""
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
    """Write `value` as readable JSON, keys in the order given; a number that JSON cannot hold is an error."""
    with replacing(path) as beside:
        beside.write_text(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
