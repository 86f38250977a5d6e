"""What the stage costs beside the CNN's own time: growth with the number of clips, memory, start-up."""

import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pandas as pd
import psutil

from vidseq import paths
from vidseq.extraction.backbone import Backbone
from vidseq.extraction.encode import Job, encode_clips
from vidseq.extraction.engines import choose_runtime
from vidseq.video.read import frame_timestamps
from vidseq.video.write import write_video

ROOT = Path(__file__).resolve().parents[1]
UCF101_CLIPS = 13320
STAGE = (sys.executable, "-m", "stages.extract_features")
START_UP = {
    "`vidseq --help`": (sys.executable, "-m", "vidseq.cli.main", "--help"),
    "`python -m stages.extract_features`, all in the cache": STAGE,
    "for comparison: `import torch`": (sys.executable, "-c", "import torch"),
}


def table_of_growth(folder: Path, clips: pd.DataFrame, growth: list[int], repeats: int) -> str:
    """Time the whole stage, start-up included, on more and more clips from an empty cache, and with one clip added.

    It runs in `folder`, on clips of the project in the working directory.
    """
    for name in ("stages", "src", "params.yaml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".cache").mkdir(exist_ok=True)
    (folder / ".cache" / "clips").symlink_to(paths.cache("clips"))
    (folder / "data").mkdir()
    plan = pd.read_parquet(paths.FRAME_PLAN)
    rng = np.random.default_rng(0)
    rows, counts, seconds = ["| clips | frames | s | frames/s |", "|---:|---:|---:|---:|"], [], []
    for count in sorted({min(count, len(clips)) for count in growth}):
        some = clips.iloc[np.sort(rng.permutation(len(clips))[:count])]
        some.to_csv(folder / paths.CLIP_TABLE, index=False)
        frames = plan[plan["clip"].isin(some["clip"])]
        frames.to_parquet(folder / paths.FRAME_PLAN)
        shutil.rmtree(folder / ".cache" / "features", ignore_errors=True)
        counts.append(count)
        seconds.append(timed(STAGE, folder))
        rows.append(f"| {count} | {len(frames)} | {seconds[-1]:.1f} | {len(frames) / seconds[-1]:.0f} |")
    slope, base = np.polyfit(counts, seconds, 1) if len(counts) > 1 else (seconds[0] / counts[0], 0.0)
    nothing, one = [], []
    for _ in range(repeats):
        nothing.append(timed(STAGE, folder))
        next((folder / ".cache" / "features").glob("*/*.npy")).unlink()
        one.append(timed(STAGE, folder))
    return "\n".join(
        [
            "## Growth\n\nThe whole of `python -m stages.extract_features` from an empty cache (the CNN is converted "
            "already), start-up included, each once; frames as `params.yaml` samples them, each with its difference "
            "image, so two images per frame for the CNN.\n",
            *rows,
            f"\nThat is {base:.1f} s and {1000 * slope:.0f} ms per clip: {(base + slope * UCF101_CLIPS) / 60:.0f} "
            f"minutes for all {UCF101_CLIPS:,} clips of UCF101, if they are like these.",
            f"\nWith {counts[-1]} clips in the cache: {statistics.median(nothing):.2f} s if there is nothing to do, "
            f"**{statistics.median(one):.2f} s with one clip added**.",
        ]
    )


def timed(command: tuple[str, ...], folder: Path, checkout: Path = ROOT) -> float:
    """Return the seconds that a command takes in `folder`, with a checkout's library."""
    start = time.perf_counter()
    env = os.environ | {"PYTHONPATH": str(checkout / "src")}
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)
    return time.perf_counter() - start


def memory(folder: Path, files: list[Path], backbone: Backbone, minutes: float) -> str:
    """Measure the peak of memory with a long 1080p file among the clips, every other of its frames wanted."""
    fps, rng = 5, np.random.default_rng(0)
    room = rng.integers(0, 256, (27, 60, 3)).repeat(40, 0).repeat(40, 1).astype(np.uint8)
    frames = (np.roll(room, 8 * i, 1)[:, :1920] for i in range(round(60 * minutes * fps)))
    long = folder / "long.avi"
    write_video(long, frames, fps)
    times = frame_timestamps(long)[::2][:1024]
    jobs = [Job(str(file), file, [0.0, 0.4, 0.8]) for file in files]
    jobs.insert(len(jobs) // 2, Job("long", long, times.tolist()))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        before, peak, seconds = pool.apply(_peak_memory, (jobs, backbone))
    return (
        f"## Memory\n\n{minutes:g} minutes of generated 1080p video ({len(times)} of its frames wanted) among "
        f"{len(files)} short clips, {seconds:.0f} s: the peak is **{(peak - before) / 1e9:.2f} GB above the process "
        f"with its model loaded** ({before / 1e9:.2f} GB)."
    )


def _peak_memory(jobs: list[Job], backbone: Backbone) -> tuple[int, int, float]:
    """Return the bytes in use with the model warm, their peak while the jobs are encoded, and the seconds taken."""
    engine = backbone.engine(choose_runtime("auto", "fp32"), 32)
    black = np.zeros((3, backbone.transform.size, backbone.transform.size), np.uint8)
    assert len(list(engine((n, black) for n in range(32)))) == 32
    process, ended = psutil.Process(), Event()
    seen = [process.memory_info().rss]

    def watch() -> None:
        while not ended.wait(0.01):
            seen.append(process.memory_info().rss)

    watcher, start = Thread(target=watch), time.perf_counter()
    watcher.start()
    for _, result in encode_clips(jobs, backbone.transform, engine):
        if isinstance(result, Exception):
            raise result
    ended.set()
    watcher.join()
    return seen[0], max(seen), time.perf_counter() - start


def table_of_start_up(folder: Path, repeats: int) -> str:
    """Time what is started often; the stage runs in `folder`, as `table_of_growth` left it."""
    rows = ["## Start-up\n", "| command | s |", "|---|---:|"]
    for name, command in START_UP.items():
        rows.append(f"| {name} | {statistics.median(timed(command, folder) for _ in range(repeats)):.2f} |")
    return "\n".join(rows)
