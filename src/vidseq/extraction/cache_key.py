"""What a clip's features depend on, and so under which key they are cached."""

import hashlib
import json
from pathlib import Path

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
) -> list[Job]:
    """Return a job for each clip of the table whose file is in `clip_files`, with the timestamps of the frame plan.

    `crop` is the part of the frames that is encoded.
    """
    diff = recorded_diff(feature_config)
    jobs = []
    for clip, sha256, path in zip(clips["clip"], clips.sha256, clip_files, strict=True):
        key = cache_key(sha256, plan[clip], feature_config, crop)
        jobs.append(Job(clip, path, plan[clip], key, diff, sha256, crop))
    return jobs


def cache_key(sha256: str, times: list[float], feature_config: dict, crop: Crop | None = None) -> str:
    """Return a digest of a clip's content, its timestamps and crop, what computes its features, and the code."""
    depends = {"content": sha256, "times": times, "crop": crop, "features": feature_config}
    depends["computed_by"] = fingerprint(*COMPUTES)
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
