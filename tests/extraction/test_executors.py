import sys
from pathlib import Path

import numpy as np
import pytest

from vidseq.errors import VidseqError
from vidseq.extraction.backbone import Backbone
from vidseq.extraction.cache import FeatureCache
from vidseq.extraction.encode import Job
from vidseq.extraction.engines import Runtime
from vidseq.extraction.executors import EXECUTORS, encode_missing, load_encoded
from vidseq.files import sha256

RUNTIME = Runtime("openvino", "fp32", "cpu")


class Mean(Backbone):
    """Three numbers per frame, its mean colour; `encoded` has the tags of the frames."""

    def engine(self, runtime, batch_size):
        def run(frames):
            for tag, frame_3SS in frames:
                yield tag, frame_3SS.mean((1, 2)).astype(np.float16)

        return run


@pytest.fixture
def backbone(tmp_path) -> Backbone:
    return Mean("any", tmp_path, {"short": 48, "size": 48, "interpolation": "bicubic"})


@pytest.fixture
def settings(params):
    return params.features.model_copy(update={"backbone": "any", "executor": "local"})


@pytest.fixture
def jobs(make_video):
    paths = [make_video(f"{name}.avi", frames) for name, frames in (("a", 20), ("b", 20), ("c", 30))]
    return [Job(path.stem, path, [0.0, 0.4], sha256(path), sha256=sha256(path)) for path in paths]


def test_what_the_cache_lacks_is_encoded_once(jobs, backbone, settings, tmp_path, capsys):
    cache = FeatureCache(tmp_path / "cache")
    assert jobs[0].key == jobs[1].key  # the same content
    assert encode_missing(jobs, backbone, RUNTIME, settings, cache) == {}
    assert "3 clips, 2 of them not in the cache; any by openvino, fp32, cpu" in capsys.readouterr().out
    for job in jobs:
        np.testing.assert_allclose(cache.load(job.key), [[0] * 3, [40] * 3], atol=2)
    assert len(list(cache.folder.glob("*/*"))) == 2
    for job in jobs:
        job.path.unlink()  # which would be seen if any were read again
    assert encode_missing(jobs, backbone, RUNTIME, settings, cache) == {}
    assert "3 clips, 0 of them not in the cache" in capsys.readouterr().out


def test_bad_clips_are_returned_with_their_reason(jobs, backbone, settings, tmp_path):
    cache, (a, _, c) = FeatureCache(tmp_path / "cache"), jobs
    a.path.write_bytes(b"no video")
    bad = Job("a", a.path, [0.0], "00a")
    failed = encode_missing([bad, c], backbone, RUNTIME, settings, cache)
    assert list(failed) == ["00a"]
    assert failed["00a"]
    assert c.key in cache
    assert bad.key not in cache


def test_an_edited_file_is_no_bad_clip_and_reaches_no_cache(jobs, backbone, settings, tmp_path):
    cache, (a, _, c) = FeatureCache(tmp_path / "cache"), jobs
    c.path.write_bytes(a.path.read_bytes())
    with pytest.raises(VidseqError, match=r"^c has changed since download"):
        encode_missing([c], backbone, RUNTIME, settings, cache)
    assert c.key not in cache


def test_without_ray_its_executor_ends_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    backbone = Backbone("any", tmp_path, {})
    jobs = [Job("a", Path("a.avi"), [0.0], "00")]
    with pytest.raises(VidseqError, match=r"needs Ray: install vidseq\[ray\], or set local"):
        list(EXECUTORS["ray"](jobs, backbone, RUNTIME, 1, FeatureCache(tmp_path)))


def test_damaged_features_are_made_anew_with_one_line(jobs, backbone, settings, tmp_path, capsys):
    cache = FeatureCache(tmp_path / "cache")
    encode_missing(jobs, backbone, RUNTIME, settings, cache)
    good = cache.path(jobs[0].key).read_bytes()
    cache.path(jobs[0].key).write_bytes(good[:-40])
    capsys.readouterr()
    features = [load_encoded(job, backbone, RUNTIME, settings, cache) for job in jobs]
    assert cache.path(jobs[0].key).read_bytes() == good
    np.testing.assert_array_equal(features[0], features[1])  # the same content
    assert capsys.readouterr().out == f"{cache.path(jobs[0].key)} was damaged: its features are made anew\n"


def test_damaged_features_of_a_clip_that_is_bad_by_now_end_in_one_line(jobs, backbone, settings, tmp_path):
    cache, job = FeatureCache(tmp_path / "cache"), jobs[2]
    encode_missing([job], backbone, RUNTIME, settings, cache)
    cache.path(job.key).write_bytes(b"")
    job.path.unlink()
    with pytest.raises(VidseqError, match="c cannot be read: No such file"):
        load_encoded(job, backbone, RUNTIME, settings, cache)
