"""A project in which the pipeline has run, as far as benchmarks can tell: made on the spot, in a moment."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from vidseq import paths
from vidseq.data.clips import store_clips
from vidseq.data.features import pack_features
from vidseq.data.frame_plan import ClipPlan, write_frame_plan
from vidseq.models import build_head
from vidseq.models.ensemble import Ensemble
from vidseq.models.trained_model import TrainedModel, build_preprocessing


@pytest.fixture(scope="session")
def make_model() -> Callable[..., TrainedModel]:
    """Make untrained models on rgb features of width 8: by the name of their head."""

    def make(name: str, bidirectional: bool = True) -> TrainedModel:
        torch.manual_seed(0)
        heads = {
            "rnn": {"cell": "gru", "bidirectional": bidirectional},
            "transformer": {"heads": 4, "positions": "sinusoidal", "pooling": "max"},
        }
        settings = {
            "preprocessing": {"inputs": ["rgb"], "lag": 2, "pca_components": 4},
            "model": {"layers": 2, "dim": 16, "dropout": 0.2},
            name: heads[name],
        }
        features = {"name": "cnn", "weights": "5ebb", "transform": {}, "engine": "torch", "precision": "fp32"}
        config = {
            "head": name,
            "ensemble": 1,
            "classes": ["A", "B", "C"],
            "feature_dim": 8,
            "median_steps": 8,
            "settings": settings,
            "frames": {"strategy": "fps", "fps": 2.0, "max_frames": 32, "crop": None},
            "features": features | {"device": "cpu", "kernel": None, "diff": None, "image_types": ["rgb"]},
            "versions": {},
        }
        preprocessing = build_preprocessing(config).fit([torch.randn(9, 8) for _ in range(8)], seed=0)
        return TrainedModel(preprocessing, Ensemble([build_head(name, preprocessing.dim, 3, settings)]), config)

    return make


@pytest.fixture
def project(tmp_path: Path, make_video, make_model, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three clips with a frame plan of two frames each, features of 5, 20 and 9 random steps, and models."""
    monkeypatch.chdir(tmp_path)
    clips = [f"c{n}" for n in range(3)]
    for n, clip in enumerate(clips):
        make_video(f"data/clips/{clip}.avi", 30 + n)
    table = pd.DataFrame({"clip": clips, "path": [f"{clip}.avi" for clip in clips], "label": "A", "group": clips})
    table = table.assign(split="test", start=np.nan, end=np.nan)
    store_clips(table, paths.CLIPS, "fail").to_csv(paths.CLIP_TABLE, index=False)
    write_frame_plan({clip: ClipPlan(np.array([0.0, 0.2]), 1.2) for clip in clips})
    lengths = dict(zip(clips, (5, 20, 9), strict=True))
    rng = np.random.default_rng(0)
    features = [rng.normal(size=(length, 8)) for length in lengths.values()]
    pack_features(lengths, features, paths.FEATURES, {"dim": 8})
    for name, bidirectional in (("rnn", True), ("rnn_causal", False)):
        (paths.MODELS / name).mkdir(parents=True)
        make_model("rnn", bidirectional).save(paths.MODELS / name)
    return tmp_path
