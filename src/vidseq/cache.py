"""The features of single clips, kept under the digest of all that they depend on, so that no clip is encoded twice."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from vidseq.files import adding

ABANDONED_S = 24 * 3600  # what a killed process was writing is removed when it is this old


class FeatureCache:
    """A folder with one file a clip. Any number of processes may use it at a time; no file in it is ever half."""

    def __init__(self, folder: Path):
        self.folder = folder.absolute()  # the same in every process

    def path(self, key: str) -> Path:
        """Return the place of one clip's features."""
        return self.folder / key[:2] / f"{key}.npy"

    def __contains__(self, key: str) -> bool:
        return self.path(key).exists()

    def store(self, key: str, features_TD: np.ndarray) -> None:
        """Keep one clip's features."""
        with adding(self.path(key)) as beside, beside.open("wb") as file:
            np.save(file, features_TD)

    def load(self, key: str) -> np.ndarray:
        """Return one clip's features, and note that they were used."""
        os.utime(self.path(key))
        return np.load(self.path(key))

    def trim(self, limit: int, needed: Iterable[str]) -> tuple[int, int]:
        """Evict what was used longest ago until the folder holds at most `limit` bytes; `needed` keys always stay.

        Returns how many clips were evicted, and their bytes.
        """
        kept = {self.path(key).name for key in needed}
        for path in self.folder.glob("*/.*.partial"):
            with suppress(FileNotFoundError):  # finished meanwhile by whoever writes it
                if path.stat().st_mtime < time.time() - ABANDONED_S:
                    path.unlink()
        entries = [(path.stat(), path) for path in self.folder.glob("*/*.npy")]
        excess = sum(stat.st_size for stat, _ in entries) - limit
        evicted = freed = 0
        for stat, path in sorted(entries, key=lambda entry: entry[0].st_mtime):
            if freed < excess and path.name not in kept:
                path.unlink(missing_ok=True)
                evicted, freed = evicted + 1, freed + stat.st_size
        return evicted, freed
