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

from vidseq import video
from vidseq.engines import choose
from vidseq.extraction import Job, encode_clips
from vidseq.frozen import FrozenCnn

ROOT = Path(__file__).resolve().parents[1]
UCF101_CLIPS = 13320
STAGE = (sys.executable, "-m", "stages.extract_features")


def table_of_growth(folder: Path, project: Path, clips: pd.DataFrame, growth: list[int], repeats: int) -> str:
    """Time the whole stage, start-up included, on more and more clips from an empty cache, and with one clip added."""
    for name in ("stages", "src", "params.yaml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "data").mkdir()
    (folder / "data" / "clips").symlink_to((project / "data/clips").resolve())
    plan = pd.read_parquet(project / "data/frames.parquet")
    rng = np.random.default_rng(0)
    rows, taken = ["| clips | frames | s | frames/s |", "|---:|---:|---:|---:|"], []
    for count in sorted({min(count, len(clips)) for count in growth}):
        some = clips.iloc[np.sort(rng.permutation(len(clips))[:count])]
        some.to_csv(folder / "data/clips.csv", index=False)
        frames = plan[plan["clip"].isin(some["clip"])]
        frames.to_parquet(folder / "data/frames.parquet")
        shutil.rmtree(folder / ".cache" / "features", ignore_errors=True)
        taken.append((count, _timed(STAGE, folder)))
        rows.append(f"| {count} | {len(frames)} | {taken[-1][1]:.1f} | {len(frames) / taken[-1][1]:.0f} |")
    slope, base = np.polyfit(*zip(*taken, strict=True), 1) if len(taken) > 1 else (taken[0][1] / taken[0][0], 0.0)
    nothing, one = [], []
    for _ in range(repeats):
        nothing.append(_timed(STAGE, folder))
        next((folder / ".cache/features").glob("*/*.npy")).unlink()
        one.append(_timed(STAGE, folder))
    return "\n".join(
        [
            "## Growth\n\nThe whole of `python -m stages.extract_features` from an empty cache (the CNN is converted "
            "already), start-up included, each once; frames as `params.yaml` samples them, "
            "each with its difference image, two for the CNN.\n",
            *rows,
            f"\nThat is {base:.1f} s and {1000 * slope:.0f} ms a clip: {(base + slope * UCF101_CLIPS) / 60:.0f} "
            f"minutes for all {UCF101_CLIPS:,} clips of UCF101, if they are like these.",
            f"\nWith {taken[-1][0]} clips in the cache: {statistics.median(nothing):.2f} s if there is nothing to do, "
            f"**{statistics.median(one):.2f} s with one clip added**.",
        ]
    )


def _timed(command: tuple[str, ...], folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def memory(folder: Path, paths: list[Path], frozen: FrozenCnn, minutes: float) -> str:
    """Measure the peak of memory with a long 1080p file among the clips, every other of its frames wanted."""
    fps, rng = 5, np.random.default_rng(0)
    room = rng.integers(0, 256, (27, 60, 3)).repeat(40, 0).repeat(40, 1).astype(np.uint8)
    frames = (np.roll(room, 8 * i, 1)[:, :1920] for i in range(round(60 * minutes * fps)))
    video.encode(folder / "long.avi", frames, fps)
    times = video.frame_times(folder / "long.avi")[::2][:1024]
    jobs = [Job(path.stem, path, [0.0, 0.4, 0.8], path.stem) for path in paths]
    jobs.insert(len(jobs) // 2, Job("long", folder / "long.avi", times.tolist(), "long"))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        before, peak, seconds = pool.apply(_peak_memory, (jobs, frozen))
    return (
        f"## Memory\n\n{minutes:g} minutes of generated 1080p video ({len(times)} of its frames wanted) among "
        f"{len(paths)} short clips, {seconds:.0f} s: the peak is **{(peak - before) / 1e9:.2f} GB above the process "
        f"with its model loaded** ({before / 1e9:.2f} GB)."
    )


def _peak_memory(jobs: list[Job], frozen: FrozenCnn) -> tuple[int, int, float]:
    """Return the bytes in use with the model warm, their peak while the jobs are encoded, and the seconds taken."""
    engine = frozen.engine(choose("auto", "fp32"), 32)
    noise = np.zeros((3, frozen.fit.size, frozen.fit.size), np.uint8)
    assert len(list(engine((n, noise) for n in range(32)))) == 32
    process, ended = psutil.Process(), Event()
    seen = [process.memory_info().rss]

    def watch() -> None:
        while not ended.wait(0.01):
            seen.append(process.memory_info().rss)

    watcher, start = Thread(target=watch), time.perf_counter()
    watcher.start()
    for _, result in encode_clips(jobs, frozen.fit, engine):
        if isinstance(result, Exception):
            raise result
    ended.set()
    watcher.join()
    return seen[0], max(seen), time.perf_counter() - start


def table_of_start_up(folder: Path, repeats: int) -> str:
    """Time what is started often."""
    commands = {
        "`vidseq --help`": (sys.executable, "-m", "vidseq.cli", "--help"),
        "`python -m stages.extract_features`, all in the cache": STAGE,
        "for comparison: `import torch`": (sys.executable, "-c", "import torch"),
    }
    os.environ["PYTHONPATH"] = str(ROOT / "src")
    rows = ["## Start-up\n", "| command | s |", "|---|---:|"]
    for name, command in commands.items():
        rows.append(f"| {name} | {statistics.median(_timed(command, folder) for _ in range(repeats)):.2f} |")
    return "\n".join(rows)
