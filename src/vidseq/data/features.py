"""The features of all clips, packed into one file with an index."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vidseq import paths
from vidseq.data.clips import read_clips
from vidseq.files import write_json


def pack_features(lengths: dict[str, int], features: Iterable[np.ndarray], folder: Path, meta: dict) -> None:
    """Write the clips' features (T, D), in the order of `lengths` (clip to T), into a new folder.

    `features.npy` is float16 (all frames, D), `index.csv` has one row per clip (clip, start, length), `meta.json` is
    `meta`, whose `dim` is D.
    """
    folder.mkdir(parents=True)
    starts = np.cumsum([0, *lengths.values()])
    header = {"descr": "<f2", "fortran_order": False, "shape": (int(starts[-1]), meta["dim"])}
    with (folder / "features.npy").open("wb") as file:  # not mapped: on a full disk, that would kill the process
        np.lib.format.write_array_header_1_0(file, header)
        for length, features_TD in zip(lengths.values(), features, strict=True):
            file.write(np.broadcast_to(features_TD, (length, meta["dim"])).astype("<f2").tobytes())
    index = pd.DataFrame({"clip": list(lengths), "start": starts[:-1], "length": list(lengths.values())})
    index.to_csv(folder / "index.csv", index=False)
    write_json(folder / "meta.json", meta)


def read_index(folder: Path = paths.FEATURES) -> pd.DataFrame:
    """Return where each clip's features are: start and length by the clip's name."""
    return pd.read_csv(folder / "index.csv", dtype={"clip": str}, keep_default_na=False).set_index("clip")


def clips_with_features(table: Path = paths.CLIP_TABLE, folder: Path = paths.FEATURES) -> pd.DataFrame:
    """Read the clip table, without the clips that were skipped on the way to the packed features in `folder`."""
    clips = read_clips(table)
    return clips[clips["clip"].isin(read_index(folder).index)]


@dataclass(frozen=True)
class PackedFeatures(Sequence[np.ndarray]):
    """Clips' features, float16 (T, D) each: views of the packed file, which are read when used.

    A process that this is sent to opens the file once, however many clips there are.
    """

    frames_ND: np.ndarray  # the mapped file
    starts: list[int]
    lengths: list[int]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]  # no slices
        return self.frames_ND[self.starts[index] : self.starts[index] + self.lengths[index]]


def load_features(clips: Iterable[str], folder: Path = paths.FEATURES) -> PackedFeatures:
    """Return the features of the named clips."""
    rows = read_index(folder).loc[list(clips)]
    return PackedFeatures(np.load(folder / "features.npy", mmap_mode="r"), rows.start.tolist(), rows.length.tolist())
