"""Turn every planned frame into a feature vector with the frozen CNN and pack all of them into one file."""

import pandas as pd

from stages import run
from vidseq import features, paths
from vidseq.backbones import load_backbone
from vidseq.clips import drop_bad
from vidseq.engines import build_engine, choose
from vidseq.errors import VideoError
from vidseq.files import replacing, write_json
from vidseq.params import Params
from vidseq.progress import track


def main(params: Params) -> None:
    """Write data/features/ and metrics/extract_features.json. Clips encoded before, even by a killed run, are kept."""
    clips = pd.read_csv(paths.CLIP_TABLE, dtype=str)
    plan = pd.read_parquet(paths.FRAME_PLAN)
    clips = clips[clips["clip"].isin(plan["clip"].unique())]
    backbone = load_backbone(params.features.backbone, params.features.grid)
    engine_name = choose(params.features.engine)
    identity = backbone.identity | {"engine": engine_name}
    cache = paths.cache("features")

    jobs = features.plan_jobs(clips, plan, paths.CLIPS, identity)
    todo = [job for job in jobs if not features.cached(cache, job.key).exists()]
    print(
        f"{len(jobs)} clips, {len(jobs) - len(todo)} of them in the cache; {backbone.identity['name']} on {engine_name}"
    )
    bad = {}
    if todo:
        engine = build_engine(engine_name, backbone, params.features.batch_size)
        encoded = features.encode_clips(todo, backbone, engine, params.features.batch_size)
        for job, result in track(encoded, "extracting features", len(todo)):
            if isinstance(result, VideoError):
                bad[job.clip] = str(result)
            else:
                features.store(cache, job.key, result)

    good = drop_bad(clips, bad, params.data.on_bad_clip)
    jobs = [job for job in jobs if job.clip not in bad]
    with replacing(paths.FEATURES) as folder:
        features.pack(jobs, cache, folder, {"dim": backbone.dim, "backbone": identity})
    frames = sum(len(job.times) for job in jobs)
    counts = {"clips": len(good), "frames": frames, "dim": backbone.dim, "skipped_clips": len(bad)}
    write_json(paths.METRICS / "extract_features.json", counts)


if __name__ == "__main__":
    run(main)
