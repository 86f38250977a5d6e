from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed

from vidseq.data.features import clips_with_features, load_features, pack_features, read_index
from vidseq.files import read_json

LENGTHS = {"A": 5, "B": 1, "None": 12}


@pytest.fixture
def clips() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {clip: rng.random((steps, 3)).astype(np.float16) for clip, steps in LENGTHS.items()}


@pytest.fixture
def folder(tmp_path, clips):
    pack_features(LENGTHS, iter(clips.values()), tmp_path / "features", {"dim": 3, "features": {"name": "any"}})
    return tmp_path / "features"


def test_packed_features_are_read_back_by_clip(folder, clips):
    packed = np.load(folder / "features.npy")
    assert packed.shape == (18, 3)
    assert packed.dtype == np.float16
    none, a = load_features(["None", "A"], folder)
    assert none.dtype == np.float16
    np.testing.assert_array_equal(none, clips["None"])
    np.testing.assert_array_equal(a, clips["A"])
    assert read_json(folder / "meta.json") == {"dim": 3, "features": {"name": "any"}}
    assert read_index(folder).loc["None"].to_dict() == {"start": 6, "length": 12}


def test_loaded_features_are_views_of_the_file_and_not_copies(folder, clips):
    loaded = load_features(clips, folder)
    assert all(isinstance(x_TD, np.memmap) and not x_TD.flags.owndata for x_TD in loaded)
    with pytest.raises(ValueError, match="read-only"):
        loaded[0][0, 0] = 1
    packed = np.load(folder / "features.npy", mmap_mode="r+")
    packed[6] = 7  # the first row of the last clip
    packed.flush()
    assert loaded[2][0].tolist() == [7, 7, 7]


def test_a_process_opens_the_file_once_for_all_clips(tmp_path):
    """A system allows a process some 1,000 open files, and a data set has more clips."""
    lengths = {str(clip): 1 for clip in range(200)}
    pack_features(lengths, np.zeros((200, 1, 3)), tmp_path / "features", {"dim": 3})
    features = load_features(lengths, tmp_path / "features")

    def open_files() -> int:
        views = [features[index] for index in range(len(features))]
        return len(views) and len(list(Path("/proc/self/fd").iterdir()))

    assert max(Parallel(2)([delayed(open_files)(), delayed(open_files)()])) < 100


def test_skipped_clips_are_left_out_of_the_table(folder, tmp_path):
    table = pd.DataFrame({"clip": ["None", "skipped", "A"], "label": ["NA", "x", "y"]})
    table.assign(start=None, end=None).to_csv(tmp_path / "clips.csv", index=False)
    clips = clips_with_features(tmp_path / "clips.csv", folder)
    assert clips[["clip", "label"]].values.tolist() == [["None", "NA"], ["A", "y"]]


def test_features_of_another_length_than_planned_are_refused(tmp_path, clips):
    with pytest.raises(ValueError, match="broadcast"):
        pack_features(LENGTHS, reversed(clips.values()), tmp_path / "features", {"dim": 3})
