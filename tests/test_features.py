import numpy as np
import pandas as pd
import torch

from vidseq import features
from vidseq.cache import FeatureCache
from vidseq.extraction import Job


def test_packed_features_are_read_back_by_clip(tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    rng = np.random.default_rng(0)
    clips = {clip: rng.random((steps, 3)).astype(np.float16) for clip, steps in {"A": 5, "B": 1, "C": 12}.items()}
    for clip in reversed(clips):
        cache.store(f"00{clip}", clips[clip])
    jobs = [Job(clip, tmp_path, [0.0] * len(x_TD), f"00{clip}") for clip, x_TD in clips.items()]
    features.pack(jobs, cache, tmp_path / "features", {"dim": 3})
    packed = np.load(tmp_path / "features" / "features.npy")
    assert packed.shape == (18, 3)
    assert packed.dtype == np.float16
    c, a = features.load_sequences(tmp_path / "features", ["C", "A"])
    assert c.dtype == torch.float32
    np.testing.assert_array_equal(c, clips["C"])
    np.testing.assert_array_equal(a, clips["A"])


def test_the_key_follows_content_frames_and_backbone_and_not_the_name(make_video, tmp_path):
    make_video("x/a.avi"), make_video("x/b.avi"), make_video("x/c.avi", 51)
    clips = pd.DataFrame({"clip": ["a", "b", "c"], "path": ["a.avi", "b.avi", "c.avi"]})

    def keys(step: float, identity: dict) -> list[str]:
        plan = pd.DataFrame({"clip": ["a", "b", "c"], "step": 0, "timestamp": step})
        return [job.key for job in features.plan_jobs(clips, plan, tmp_path / "x", identity)]

    a, b, c = keys(0.0, {"name": "cnn", "difference": None})
    assert a == b != c
    assert not {a, c} & set(keys(0.04, {"name": "cnn", "difference": None}))
    assert not {a, c} & set(keys(0.0, {"name": "other", "difference": None}))
    assert not {a, c} & set(keys(0.0, {"name": "cnn", "difference": 0.25}))
