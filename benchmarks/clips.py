"""Clips with their features, for benchmarks: sampled and encoded as the stages do, cached in .cache."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from vidseq import paths, sources
from vidseq.errors import VidseqError
from vidseq.extraction.backbone import load_backbone
from vidseq.extraction.cache import FeatureCache
from vidseq.extraction.cache_key import plan_jobs
from vidseq.extraction.encode import diff_of
from vidseq.extraction.engines import choose_runtime
from vidseq.extraction.executors import encode_missing
from vidseq.files import sha256
from vidseq.params import Params
from vidseq.video.sampling import plan_frames


def of_folder(videos: Path, params: Params) -> Params:
    """Return the params with all clips below `videos`/<Class>/ as their data."""
    path = str(videos.absolute())
    return changed(params, {"data.source": "folder", "data.path": path, "data.classes": [], "data.split_lists": None})


def load_clips(params: Params) -> tuple[pd.DataFrame, list[np.ndarray], dict]:
    """Return the clip table of `params.data`, the clips' features, float16 (T_i, D), and their feature_config."""
    settings, cache = params.features, FeatureCache(paths.cache("features"))
    runtime = choose_runtime(settings.engine, settings.precision)
    backbone = load_backbone(settings.backbone, paths.cache("models"))
    feature_config = backbone.feature_config(runtime, diff_of(settings))
    with TemporaryDirectory() as folder:
        clips = sources.prepare(params.data, Path(folder))
        files = [Path(folder, path) for path in clips.path]
        clips = clips.assign(sha256=[sha256(file) for file in files])
        times = [plan_frames(file, params.frames)[0].tolist() for file in files]
        jobs = plan_jobs(clips, files, dict(zip(clips["clip"], times, strict=True)), feature_config, params.frames.crop)
        for reason in encode_missing(jobs, backbone, runtime, settings, cache).values():
            raise VidseqError(reason)
    return clips, [cache.load(job.key) for job in jobs], feature_config


def changed(params: Params, changes: Mapping[str, object]) -> Params:
    """Return the params with other values of some keys, named as in `section.key`, checked as params.yaml is."""
    content = params.model_dump()
    for key, value in changes.items():
        section, name = key.split(".")
        content[section][name] = value
    return Params.model_validate(content)
