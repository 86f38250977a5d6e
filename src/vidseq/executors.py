"""Who encodes the clips that are not in the cache yet: this process, or the machines of a Ray cluster."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from vidseq.cache import FeatureCache
from vidseq.engines import Runtime
from vidseq.errors import VideoError, VidseqError
from vidseq.extraction import Job, encode_clips
from vidseq.frozen import FrozenCnn
from vidseq.params import FeaturesParams
from vidseq.progress import track

SHARDS_A_NODE = 4  # a lost worker repeats less, and the last one is waited for less
RETRIES = 5  # of a shard whose worker was lost; what it had encoded is in the cache
Outcome = tuple[Job, VideoError | None]


def encode_missing(
    jobs: list[Job], frozen: FrozenCnn, runtime: Runtime, settings: FeaturesParams, kept: FeatureCache
) -> dict[str, str]:
    """Encode what the cache lacks, equal content once, and show progress; returns what cannot be, key to reason."""
    todo = list({job.key: job for job in jobs if job.key not in kept}.values())
    print(f"{len(jobs)} clips, {len(todo)} of them not in the cache; {settings.backbone} by {runtime}")
    if not todo:
        return {}
    extracted = EXECUTORS[settings.executor](todo, frozen, runtime, settings.batch_size, kept)
    return {job.key: str(error) for job, error in track(extracted, "extracting features", len(todo)) if error}


def extract_here(
    jobs: list[Job], frozen: FrozenCnn, runtime: Runtime, batch_size: int, kept: FeatureCache
) -> Iterator[Outcome]:
    """Encode the jobs into the cache and yield each, in any order, with the reason if it cannot be decoded."""
    if not jobs:
        return
    for job, result in encode_clips(jobs, frozen.fit, _engine(frozen, runtime, batch_size)):
        if isinstance(result, VideoError):
            yield job, result
        else:
            kept.store(job.key, result)
            yield job, None


def extract_on_ray(
    jobs: list[Job], frozen: FrozenCnn, runtime: Runtime, batch_size: int, kept: FeatureCache
) -> Iterator[Outcome]:
    """As `extract_here`, by one Ray task a shard; clips and cache must lie on a file system that all nodes share.

    The cluster is that of RAY_ADDRESS or of this machine; without any, one is started here. A task takes a whole node.
    """
    try:
        import ray
    except ImportError as error:
        raise VidseqError("features.executor=ray needs Ray: install vidseq[ray], or set local") from error
    if runtime.engine == "openvino":
        frozen.convert()  # once, before all nodes do
    source = str(Path(__file__).resolve().parents[1])
    with ray.init(runtime_env={"env_vars": {"PYTHONPATH": source}}, log_to_driver=False):  # this copy of the library
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        shards: dict[int, list[Job]] = {}
        for job in jobs:
            place = int(job.key[:8], 16) % (SHARDS_A_NODE * len(nodes))
            shards.setdefault(place, []).append(replace(job, path=job.path.absolute()))
        task = ray.remote(_extract_shard).options(
            num_cpus=min(node["CPU"] for node in nodes),
            num_gpus=int(runtime.device == "cuda"),
            max_retries=RETRIES,
            scheduling_strategy="SPREAD",
        )
        by_key = {job.key: job for job in jobs}
        waiting = [task.remote(shard, frozen, runtime, batch_size, kept) for shard in shards.values()]
        while waiting:
            (done,), waiting = ray.wait(waiting)
            for key, reason in ray.get(done).items():
                yield by_key[key], VideoError(reason) if reason else None


def _extract_shard(
    jobs: list[Job], frozen: FrozenCnn, runtime: Runtime, batch_size: int, kept: FeatureCache
) -> dict[str, str | None]:
    """Encode what of a shard is not in the cache; return each job's key with the reason if it cannot be decoded."""
    left = [job for job in jobs if job.key not in kept]
    reasons = dict.fromkeys(job.key for job in jobs)
    for job, error in extract_here(left, frozen, runtime, batch_size, kept):
        reasons[job.key] = str(error) if error else None
    return reasons


_engine = cache(FrozenCnn.engine)  # built once a process: Ray gives a worker several shards


EXECUTORS = {"local": extract_here, "ray": extract_on_ray}
