"""Turn every planned frame into a feature vector with the frozen CNN and pack all of them into one file."""

from stages import run
from vidseq import paths
from vidseq.data.clips import clip_files, drop_unreadable, read_clips
from vidseq.data.features import pack_features
from vidseq.data.frame_plan import read_frame_plan, read_starts
from vidseq.extraction.backbone import load_backbone
from vidseq.extraction.cache import FeatureCache
from vidseq.extraction.cache_key import plan_jobs
from vidseq.extraction.encode import diff_of
from vidseq.extraction.engines import choose_runtime
from vidseq.extraction.executors import encode_missing, load_encoded
from vidseq.files import atomic_write, write_json
from vidseq.params import Params


def main(params: Params) -> None:
    """Write data/features/ and metrics/extract_features.json. Clips that were encoded before, even by a killed run,
    come from the cache.
    """
    settings = params.features
    plan = read_frame_plan()
    clips = read_clips()
    clips = clips[clips["clip"].isin(plan)]
    runtime = choose_runtime(settings.engine, settings.precision)
    backbone = load_backbone(settings.backbone, paths.cache("models"))
    feature_config = backbone.feature_config(runtime, diff_of(settings))
    cache = FeatureCache(paths.cache("features"))

    jobs = plan_jobs(clips, clip_files(clips), plan, feature_config, params.frames.crop, read_starts())
    with cache.in_use():
        failed = encode_missing(jobs, backbone, runtime, settings, cache)
        reasons = {job.clip: failed[job.key] for job in jobs if job.key in failed}
        good = drop_unreadable(clips, reasons, params.data.on_bad_clip)
        jobs = [job for job in jobs if job.clip not in reasons]
        lengths = {job.clip: len(job.times) for job in jobs}
        dim = backbone.dim * len(feature_config["image_types"])
        with atomic_write(paths.FEATURES) as folder:
            meta = {"dim": dim, "features": feature_config}
            features = (load_encoded(job, backbone, runtime, settings, cache) for job in jobs)
            pack_features(lengths, features, folder, meta)
    evicted, freed = cache.trim(int(settings.cache_gb * 1e9), [job.key for job in jobs])
    if evicted:
        print(f"evicted the {evicted} clips used longest ago from the cache ({freed / 1e6:.0f} MB): features.cache_gb")
    frames = sum(lengths.values())
    counts = {"clips": len(good), "frames": frames, "dim": dim, "skipped_clips": len(reasons)}
    write_json(paths.METRICS / "extract_features.json", counts)


if __name__ == "__main__":
    run(main)
