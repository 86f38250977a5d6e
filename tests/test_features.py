from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from vidseq import features
from vidseq.errors import VideoError

BACKBONE = SimpleNamespace(prepare=lambda frame: torch.from_numpy(frame).permute(2, 0, 1))


class Engine:
    """Three numbers a frame, its mean colour, and a record of how many frames came at a time."""

    def __init__(self):
        self.calls = []

    def __call__(self, frames_N3SS: torch.Tensor) -> np.ndarray:
        self.calls.append(len(frames_N3SS))
        return frames_N3SS.float().mean((2, 3)).to(torch.float16).numpy()


@pytest.fixture
def jobs(make_video):
    steps = {"A": 5, "B": 1, "C": 12, "D": 3, "E": 7}
    paths = {clip: make_video(f"{clip}.avi", 50) for clip in steps}
    return [
        features.Job(clip, paths[clip], [0.04 * (i + n) for i in range(steps[clip])], f"{n:02d}{clip}")
        for n, clip in enumerate(steps)
    ]


def grey(job: features.Job) -> np.ndarray:
    return np.array(job.times) / 0.04 * 4


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_features_come_in_order_whatever_the_batch(jobs, batch_size):
    engine = Engine()
    encoded = list(features.encode_clips(jobs, BACKBONE, engine, batch_size))
    assert [job for job, _ in encoded] == jobs
    for job, result in encoded:
        np.testing.assert_allclose(result[:, 0], grey(job), atol=2)
    assert sum(engine.calls) == 28
    assert engine.calls[:-1] == [batch_size] * (len(engine.calls) - 1)  # batches cross the borders of clips


def test_a_bad_clip_is_reported_in_its_place_and_spoils_no_other(jobs):
    jobs[1].path.write_bytes(b"no video")
    encoded = {job.clip: result for job, result in features.encode_clips(jobs, BACKBONE, Engine(), 4)}
    assert isinstance(encoded["B"], VideoError)
    for job in (jobs[0], *jobs[2:]):
        np.testing.assert_allclose(encoded[job.clip][:, 0], grey(job), atol=2)


def test_all_clips_bad_is_no_crash(jobs):
    for job in jobs:
        job.path.write_bytes(b"no video")
    assert all(isinstance(r, VideoError) for _, r in features.encode_clips(jobs, BACKBONE, Engine(), 4))


def test_only_a_few_clips_are_decoded_ahead(make_video):
    path, started = make_video(frames=5), []

    def prepare(frame):
        started.append(1)
        return BACKBONE.prepare(frame)

    many = [features.Job(str(n), path, [0.0], str(n)) for n in range(50)]
    stream = features.encode_clips(many, SimpleNamespace(prepare=prepare), Engine(), 1)
    next(stream)
    assert len(started) <= features.CLIPS_AHEAD + 2
    stream.close()


def test_packed_features_are_read_back_by_clip(jobs, tmp_path):
    for job, result in features.encode_clips(jobs, BACKBONE, Engine(), 4):
        features.store(tmp_path / "cache", job.key, result)
    features.pack(jobs, tmp_path / "cache", tmp_path / "features", {"dim": 3})
    packed = np.load(tmp_path / "features" / "features.npy")
    assert packed.shape == (28, 3)
    assert packed.dtype == np.float16
    c, a = features.load_sequences(tmp_path / "features", ["C", "A"])
    assert c.dtype == torch.float32
    np.testing.assert_allclose(c[:, 1], grey(jobs[2]), atol=2)
    np.testing.assert_allclose(a[:, 1], grey(jobs[0]), atol=2)


def test_the_key_follows_content_frames_and_backbone_and_not_the_name(make_video, tmp_path):
    make_video("x/a.avi"), make_video("x/b.avi"), make_video("x/c.avi", 51)
    clips = pd.DataFrame({"clip": ["a", "b", "c"], "path": ["a.avi", "b.avi", "c.avi"]})

    def keys(step: float, identity: dict) -> list[str]:
        plan = pd.DataFrame({"clip": ["a", "b", "c"], "step": 0, "timestamp": step})
        return [job.key for job in features.plan_jobs(clips, plan, tmp_path / "x", identity)]

    a, b, c = keys(0.0, {"name": "cnn"})
    assert a == b != c
    assert not {a, c} & set(keys(0.04, {"name": "cnn"}))
    assert not {a, c} & set(keys(0.0, {"name": "other"}))
