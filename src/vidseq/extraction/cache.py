"""The features of single clips, cached under a digest of all that they depend on: no clip is encoded twice."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from io import BytesIO
from pathlib import Path

import numpy as np
from filelock import ReadWriteLock, Timeout

from vidseq.errors import VidseqError
from vidseq.files import remove_abandoned, write_once

CHECKSUM = 16  # bytes, behind the array


class DamagedError(VidseqError):
    """The features of a clip are not those that were stored."""


class FeatureCache:
    """A folder with one file per clip: an array as NumPy saves it and its checksum.

    Any number of processes may use it at a time; no file in it is ever half.
    """

    def __init__(self, folder: Path):
        self.folder = folder.absolute()  # the same in every process

    def path(self, key: str) -> Path:
        """Return the location of one clip's features."""
        return self.folder / key[:2] / f"{key}.npy"

    def __contains__(self, key: str) -> bool:
        return self.path(key).exists()

    def store(self, key: str, features_TD: np.ndarray) -> None:
        """Store one clip's features."""
        content = BytesIO()
        np.save(content, features_TD)
        with write_once(self.path(key)) as tmp, tmp.open("wb") as file:
            file.write(content.getbuffer())
            file.write(_checksum(content.getbuffer()))

    def load(self, key: str) -> np.ndarray:
        """Return one clip's features, and note that they were used.

        A damaged file is removed, so that the features are made anew: that raises DamagedError.
        """
        path = self.path(key)
        os.utime(path)
        content = memoryview(path.read_bytes())
        array, checksum = content[:-CHECKSUM], content[-CHECKSUM:]
        if _checksum(array) != checksum:
            path.unlink(missing_ok=True)
            raise DamagedError(f"{path} was damaged")
        return np.load(BytesIO(array))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While the block lasts, no process evicts anything."""
        with self._lock().read_lock():
            yield

    def trim(self, limit: int, needed: Iterable[str]) -> tuple[int, int]:
        """Evict what was used longest ago until the folder holds at most `limit` bytes; `needed` keys always stay.

        Returns how many clips were evicted, and their bytes: none while another process uses the cache.
        """
        try:
            with self._lock().write_lock(blocking=False):
                return self._trim(limit, {self.path(key).name for key in needed})
        except Timeout:
            return 0, 0

    def _trim(self, limit: int, needed_names: set[str]) -> tuple[int, int]:
        remove_abandoned(self.folder, "*/.*.partial")
        entries = [(path.stat(), path) for path in self.folder.glob("*/*.npy")]
        excess = sum(stat.st_size for stat, _ in entries) - limit
        evicted = freed = 0
        for stat, path in sorted(entries, key=lambda entry: entry[0].st_mtime):
            if freed < excess and path.name not in needed_names:
                path.unlink(missing_ok=True)
                evicted, freed = evicted + 1, freed + stat.st_size
        return evicted, freed

    def _lock(self) -> ReadWriteLock:
        self.folder.mkdir(parents=True, exist_ok=True)
        return ReadWriteLock(self.folder / "lock.db", is_singleton=False)


def _checksum(array: memoryview) -> bytes:
    return blake2b(array, digest_size=CHECKSUM).digest()
