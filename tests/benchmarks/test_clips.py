from pathlib import Path

import numpy as np
import pytest

from benchmarks import clips
from benchmarks.clips import changed, load_clips, of_folder
from vidseq.extraction.encode import Diff, Job
from vidseq.extraction.engines import Runtime
from vidseq.files import sha256


def test_params_are_changed_key_by_key_and_checked(params):
    other = changed(params, {"train.seed": 5, "preprocessing.inputs": ["rgb"]})
    assert (other.train.seed, other.preprocessing.inputs, other.model) == (5, ["rgb"], params.model)
    with pytest.raises(ValueError, match="seed"):
        changed(params, {"train.seed": -1})


class Backbone:
    """Stands for the CNN: its features are the number of the clip's file name and the frame's time."""

    def feature_config(self, runtime: Runtime, diff: Diff) -> dict:
        return {"engine": runtime.engine, "diff": diff and diff._asdict()}


def encode_missing(jobs: list[Job], backbone: Backbone, runtime: Runtime, settings, cache) -> dict[str, str]:
    for job in jobs:
        assert job.path.is_file()
        cache.store(job.key, np.array([(int(job.path.stem[-2:]), time) for time in job.times], np.float16))
    return {}


def test_clips_come_with_their_features_in_the_order_of_their_table(tmp_path, make_video, params, monkeypatch):
    """In a folder in which no stage has run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(clips, "load_backbone", lambda *_: Backbone())
    monkeypatch.setattr(clips, "encode_missing", encode_missing)
    for label in "AB":
        for group in range(12):
            make_video(f"videos/{label}/v_{label}_g{group:02d}_c{group:02d}.avi", 25 + group)
    params = of_folder(Path("videos"), changed(params, {"frames.strategy": "first", "frames.max_frames": 2}))
    table, features, feature_config = load_clips(params)
    assert (len(table), len(features)) == (24, 24)
    for clip, path, digest, x_TD in zip(table["clip"], table.path, table.sha256, features, strict=True):
        assert digest == sha256(Path("videos", path))
        np.testing.assert_array_equal(x_TD, np.float16([[int(clip[-2:]), 0.0], [int(clip[-2:]), 0.04]]))
    assert feature_config["diff"] == {"seconds": params.features.diff_seconds, "size": params.features.diff_size}
