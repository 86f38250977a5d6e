"""Turn every planned frame into a feature vector with the frozen CNN and pack all of them into one file."""

import pandas as pd

from stages import run
from vidseq import features, paths
from vidseq.cache import FeatureCache
from vidseq.clips import drop_bad
from vidseq.engines import choose
from vidseq.executors import encode_missing
from vidseq.files import replacing, write_json
from vidseq.frozen import load_frozen
from vidseq.params import Params


def main(params: Params) -> None:
    """Write data/features/ and metrics/extract_features.json. Clips encoded before, even by a killed run, are kept."""
    settings = params.features
    clips = pd.read_csv(paths.CLIP_TABLE, dtype=str)
    plan = pd.read_parquet(paths.FRAME_PLAN)
    clips = clips[clips["clip"].isin(plan["clip"].unique())]
    runtime = choose(settings.engine, settings.precision)
    frozen = load_frozen(settings.backbone, settings.grid, paths.cache("models"))
    identity = frozen.identity(runtime, settings.difference)
    cache = FeatureCache(paths.cache("features"))

    jobs = features.plan_jobs(clips, plan, paths.CLIPS, identity)
    reasons = encode_missing(jobs, frozen, runtime, settings, cache)
    bad = {job.clip: reasons[job.key] for job in jobs if job.key in reasons}
    good = drop_bad(clips, bad, params.data.on_bad_clip)
    jobs = [job for job in jobs if job.clip not in bad]
    dim = frozen.dim * len(identity["images"])
    with replacing(paths.FEATURES) as folder:
        features.pack(jobs, cache, folder, {"dim": dim, "backbone": identity})
    evicted, freed = cache.trim(int(settings.cache_gb * 1e9), [job.key for job in jobs])
    if evicted:
        print(f"evicted the {evicted} clips used longest ago from the cache ({freed / 1e6:.0f} MB): features.cache_gb")
    frames = sum(len(job.times) for job in jobs)
    counts = {"clips": len(good), "frames": frames, "dim": dim, "skipped_clips": len(bad)}
    write_json(paths.METRICS / "extract_features.json", counts)


if __name__ == "__main__":
    run(main)
