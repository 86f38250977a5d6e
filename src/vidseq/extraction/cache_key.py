"""What a clip's features depend on, and so under which key they are cached."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from vidseq.extraction.encode import Job, recorded_diff
from vidseq.extraction.fingerprint import fingerprint
from vidseq.video.display import Crop

COMPUTES = ("vidseq.extraction.encode", "vidseq.extraction.backbone")  # with all they import: from file to feature


def plan_jobs(
    clips: pd.DataFrame,
    clip_files: list[Path],
    plan: dict[str, list[float]],
    feature_config: dict,
    crop: Crop | None = None,
    starts: Mapping[str, float] = MappingProxyType({}),
) -> list[Job]:
    """Return a job for each clip of the table whose file is in `clip_files`, with the timestamps of the frame plan.

    `crop` is the part of the frames that is encoded, `starts` says where a clip begins in its file (s), by default with
    the file.
    """
    diff = recorded_diff(feature_config)
    jobs = []
    for clip, sha256, path in zip(clips["clip"], clips.sha256, clip_files, strict=True):
        start = starts.get(clip, 0.0)
        key = cache_key(sha256, plan[clip], feature_config, crop, start)
        jobs.append(Job(clip, path, plan[clip], key, diff, sha256, crop, start))
    return jobs


def cache_key(
    sha256: str, times: list[float], feature_config: dict, crop: Crop | None = None, start: float = 0.0
) -> str:
    """Return a digest of a clip's content, its times, start and crop, what computes its features, and the code."""
    depends = {"content": sha256, "times": times, "start": start, "crop": crop}
    depends |= {"features": feature_config, "computed_by": fingerprint(*COMPUTES)}
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
