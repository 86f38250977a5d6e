"""The features of single clips, cached under a digest of all that they depend on: no clip is encoded twice."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from vidseq.files import remove_abandoned, write_once


class FeatureCache:
    """A folder with one file per clip. Any number of processes may use it at a time; no file in it is ever half."""

    def __init__(self, folder: Path):
        self.folder = folder.absolute()  # the same in every process

    def path(self, key: str) -> Path:
        """Return the location of one clip's features."""
        return self.folder / key[:2] / f"{key}.npy"

    def __contains__(self, key: str) -> bool:
        return self.path(key).exists()

    def store(self, key: str, features_TD: np.ndarray) -> None:
        """Store one clip's features."""
        with write_once(self.path(key)) as tmp, tmp.open("wb") as file:
            np.save(file, features_TD)

    def load(self, key: str) -> np.ndarray:
        """Return one clip's features, and note that they were used."""
        os.utime(self.path(key))
        return np.load(self.path(key))

    def trim(self, limit: int, needed: Iterable[str]) -> tuple[int, int]:
        """Evict what was used longest ago until the folder holds at most `limit` bytes; `needed` keys always stay.

        Returns how many clips were evicted, and their bytes.
        """
        needed_names = {self.path(key).name for key in needed}
        remove_abandoned(self.folder, "*/.*.partial")
        entries = [(path.stat(), path) for path in self.folder.glob("*/*.npy")]
        excess = sum(stat.st_size for stat, _ in entries) - limit
        evicted = freed = 0
        for stat, path in sorted(entries, key=lambda entry: entry[0].st_mtime):
            if freed < excess and path.name not in needed_names:
                path.unlink(missing_ok=True)
                evicted, freed = evicted + 1, freed + stat.st_size
        return evicted, freed
