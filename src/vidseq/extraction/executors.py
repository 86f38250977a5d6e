"""Who encodes the clips that are not in the cache yet: this process, or the machines of a Ray cluster."""

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from vidseq import paths
from vidseq.errors import VideoError, VidseqError
from vidseq.extraction.backbone import Backbone
from vidseq.extraction.cache import DamagedError, FeatureCache
from vidseq.extraction.encode import Job, encode_clips
from vidseq.extraction.engines import Engine, Runtime
from vidseq.params import FeaturesParams
from vidseq.progress import track

SHARDS_PER_NODE = 4  # a lost worker repeats less, and the last one is waited for less
RETRIES = 5  # of a shard whose worker was lost; what it had encoded is in the cache
Outcome = tuple[Job, VideoError | None]


def encode_missing(
    jobs: list[Job], backbone: Backbone, runtime: Runtime, settings: FeaturesParams, feature_cache: FeatureCache
) -> dict[str, str]:
    """Encode what the cache lacks, equal content once, and show progress; returns what cannot be, key to reason."""
    todo = list({job.key: job for job in jobs if job.key not in feature_cache}.values())
    print(f"{len(jobs)} clips, {len(todo)} of them not in the cache; {settings.backbone} by {runtime}")
    if not todo:
        return {}
    extracted = EXECUTORS[settings.executor](todo, backbone, runtime, settings.batch_size, feature_cache)
    return {job.key: str(error) for job, error in track(extracted, "extracting features", len(todo)) if error}


def load_encoded(
    job: Job, backbone: Backbone, runtime: Runtime, settings: FeaturesParams, feature_cache: FeatureCache
) -> np.ndarray:
    """Return the features of a job that is in the cache; those that were damaged there are made anew."""
    try:
        return feature_cache.load(job.key)
    except DamagedError as damaged:
        print(f"{damaged}: its features are made anew")
    for _, error in EXECUTORS[settings.executor]([job], backbone, runtime, settings.batch_size, feature_cache):
        if error:
            raise VidseqError(f"{job.clip} cannot be read: {error}")
    return feature_cache.load(job.key)


def extract_local(
    jobs: list[Job], backbone: Backbone, runtime: Runtime, batch_size: int, feature_cache: FeatureCache
) -> Iterator[Outcome]:
    """Encode the jobs into the cache and yield each, in any order, with the reason if it cannot be decoded."""
    yield from _extract(jobs, backbone, backbone.engine(runtime, batch_size), feature_cache)


def _extract(jobs: list[Job], backbone: Backbone, engine: Engine, feature_cache: FeatureCache) -> Iterator[Outcome]:
    for job, result in encode_clips(jobs, backbone.transform, engine):
        if isinstance(result, VideoError):
            yield job, result
        else:
            feature_cache.store(job.key, result)
            yield job, None


def extract_on_ray(
    jobs: list[Job], backbone: Backbone, runtime: Runtime, batch_size: int, feature_cache: FeatureCache
) -> Iterator[Outcome]:
    """As `extract_local`, by one Ray task per shard; clips and cache must be on a file system that all nodes share.

    The cluster is that of RAY_ADDRESS or of this machine; without any, one is started here. A task takes a whole node.
    """
    try:
        import ray
    except ImportError as error:
        raise VidseqError("features.executor=ray needs Ray: install vidseq[ray], or set local") from error
    if runtime.engine == "openvino":
        for size in {backbone.transform.size, *(job.diff.size for job in jobs if job.diff)}:
            backbone.convert(size, runtime.precision)  # once, before all nodes do
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # a run of ours reports nothing
    environment = {"env_vars": {"PYTHONPATH": str(paths.SOURCE)}}  # this copy of the library
    with ray.init(runtime_env=environment, log_to_driver=False):
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        shards: dict[int, list[Job]] = {}
        for job in jobs:
            shard = int(job.key[:8], 16) % (SHARDS_PER_NODE * len(nodes))
            shards.setdefault(shard, []).append(replace(job, path=job.path.absolute()))
        task = ray.remote(_extract_shard).options(
            num_cpus=min(node["CPU"] for node in nodes),
            num_gpus=int(runtime.device == "cuda"),
            max_retries=RETRIES,
            scheduling_strategy="SPREAD",
        )
        by_key = {job.key: job for job in jobs}
        waiting = [task.remote(shard, backbone, runtime, batch_size, feature_cache) for shard in shards.values()]
        while waiting:
            (done,), waiting = ray.wait(waiting)
            for key, reason in ray.get(done).items():
                yield by_key[key], VideoError(reason) if reason else None


def _extract_shard(
    jobs: list[Job], backbone: Backbone, runtime: Runtime, batch_size: int, feature_cache: FeatureCache
) -> dict[str, str | None]:
    """Encode what of a shard is not in the cache; return each job's key with the reason if it cannot be decoded."""
    reasons: dict[str, str | None] = dict.fromkeys(job.key for job in jobs)
    left = [job for job in jobs if job.key not in feature_cache]
    if left:
        engine = _worker_engine(backbone, runtime, batch_size)
        for job, error in _extract(left, backbone, engine, feature_cache):
            reasons[job.key] = str(error) if error else None
    return reasons


@cache
def _worker_engine(backbone: Backbone, runtime: Runtime, batch_size: int) -> Engine:
    """Build a worker's engine once: Ray gives a worker several shards."""
    return backbone.engine(runtime, batch_size)


EXECUTORS = {"local": extract_local, "ray": extract_on_ray}
