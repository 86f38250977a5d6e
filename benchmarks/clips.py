"""Clips with their features, for benchmarks: sampled and encoded as the stages do, kept in .cache."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch

from vidseq import features, paths, sources, video
from vidseq.cache import FeatureCache
from vidseq.engines import choose
from vidseq.errors import VidseqError
from vidseq.executors import encode_missing
from vidseq.frozen import load_frozen
from vidseq.params import Params
from vidseq.sampling import sample_times


def of_folder(videos: Path, params: Params) -> Params:
    """Return the params with all clips below `videos`/<Class>/ for their data."""
    data = {"source": "folder", "path": str(videos.absolute()), "classes": [], "split_lists": None}
    return params.model_copy(update={"data": params.data.model_copy(update=data)})


def load_clips(params: Params) -> tuple[pd.DataFrame, list[torch.Tensor], dict]:
    """Return the clip table of `params.data`, the clips' features (T_i, D), and what these were made by."""
    settings, cache = params.features, FeatureCache(paths.cache("features"))
    runtime = choose(settings.engine, settings.precision)
    frozen = load_frozen(settings.backbone, settings.grid, paths.cache("models"))
    identity = frozen.identity(runtime, settings.difference)
    with TemporaryDirectory() as folder:
        clips = sources.prepare(params.data, Path(folder))
        times = [sample_times(video.frame_times(Path(folder, path)), params.frames) for path in clips.path]
        plan = clips[["clip"]].assign(timestamp=times).explode("timestamp").astype({"timestamp": float})
        jobs = features.plan_jobs(clips, plan, Path(folder), identity)
        for reason in encode_missing(jobs, frozen, runtime, settings, cache).values():
            raise VidseqError(reason)
    sequences = {job.clip: torch.from_numpy(cache.load(job.key).astype(np.float32)) for job in jobs}
    return clips, [sequences[clip] for clip in clips["clip"]], identity


def changed(params: Params, changes: dict[str, object]) -> Params:
    """Return the params with other values of some keys, named as in `section.key`, checked as params.yaml is."""
    content = params.model_dump()
    for key, value in changes.items():
        section, name = key.split(".")
        content[section][name] = value
    return Params.model_validate(content)
