"""What extracting features costs: ways to do it side by side, its growth, its memory, its start-up. Writes Markdown.

Needs a project in which the pipeline ran up to sample_frames (data/clips.csv, data/clips, data/frames.parquet), best on
UCF101's clips; OpenCV for the row of the well-known examples (`uv pip install --group bench`). Nothing else should run.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from benchmarks.extraction_costs import memory, table_of_growth, table_of_start_up
from vidseq import video
from vidseq.engines import choose
from vidseq.errors import VidseqError
from vidseq.extraction import Job, encode_clips
from vidseq.files import replacing
from vidseq.frozen import FrozenCnn, load_frozen
from vidseq.params import load_params

ROOT = Path(__file__).resolve().parents[1]
STEPS = 20  # frames a clip, as in the examples
GROWTH = (50, 100, 200, 400, 593)

HEAD = """# Performance

Measured by `{command}`
on {hardware}, with the five classes of UCF101 that README.md names."""
WHY = """## What makes the difference

- One thread a clip decodes (FFmpeg's threads within a clip of this size cost twice the processor time), as many clips
  at a time as there are cores, at most 8, into a queue of 64 frames. What no sample needs is not decoded where the
  container tells: frames on which no other depends, and all up to the last keyframe before a long gap.
- A frame is converted, resized and cropped in one chain of FFmpeg's filters, to what timm's own transform gives
  (`tests/test_backbones.py`: cosine of the features above 0.9999).
- The engine takes frames as they come, across clips, and never waits for a batch to be done: OpenVINO one frame a
  request, twice as many requests as it runs at a time; torch on CUDA with pinned memory, one batch ahead.
- The converted CNN and every clip's features are kept in `.cache/`, so that a run without new clips needs no torch.
- `features.precision=bf16` is the faster choice where the processor or the accelerator has bf16. The default is fp32,
  so that results do not depend on the machine; what was used stands in `data/features/meta.json` and in the log.

## More than one machine

`features.executor=ray` (`uv pip install ray`, or the extra `vidseq[ray]`) makes shards of the clips by their digests
and gives each node of a Ray cluster one at a time. The cluster is that of `RAY_ADDRESS`, else one on this machine. The
project, with its `.cache/` and the clips, lies on a file system that all nodes share. Each clip's features are kept as
soon as they are there: when a worker is lost, Ray starts its shard anew, and only the clips that it had not finished
are encoded. The nodes should be alike: other processors compute other last bits. `tests/test_extract_features.py` runs
it on two nodes on loopback, kills a worker, and compares the bytes."""


def main() -> None:
    """Measure everything and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path(), help="where data/ is")
    parser.add_argument("--clips", type=int, default=25, help="of the first table, spread over the clip table")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--growth", type=int, nargs="+", default=GROWTH, help="numbers of clips")
    parser.add_argument("--minutes", type=float, default=10, help="length of the 1080p file")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "performance.md")
    arguments = parser.parse_args()
    clips = pd.read_csv(arguments.project / "data/clips.csv", dtype=str)
    chosen = clips.iloc[np.unique(np.linspace(0, len(clips) - 1, arguments.clips).astype(int))]
    paths = [arguments.project / "data/clips" / path for path in chosen.path]
    settings = load_params(ROOT / "params.yaml").features
    with tempfile.TemporaryDirectory() as folder:
        frozen = load_frozen(settings.backbone, settings.grid, Path(folder) / ".cache" / "models")
        sections = [
            table_of_ways(paths, frozen, arguments.repeats),
            table_of_growth(Path(folder), arguments.project, clips, arguments.growth, arguments.repeats),
            memory(Path(folder), paths, frozen, arguments.minutes),
            table_of_start_up(Path(folder), arguments.repeats),
        ]
    shown = [f"--{name} {getattr(arguments, name)}" for name in ("clips", "repeats", "minutes")]
    head = HEAD.format(command=f"python -m benchmarks.extraction {' '.join(shown)}", hardware=hardware())
    with replacing(arguments.out) as beside:
        beside.write_text("\n\n".join([head, *sections, WHY]) + "\n", encoding="utf-8")
    print(arguments.out.read_text(encoding="utf-8"))


def hardware() -> str:
    """Describe the processor and the memory."""
    model, flags = platform.processor(), ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        info = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
        model, flags = info.get("model name", model), info.get("flags", "")
    sets = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags.split()]
    memory_gb = psutil.virtual_memory().total / 1e9
    return f"{os.cpu_count()} cores of {model} ({', '.join(sets) or platform.machine()}), {memory_gb:.0f} GB"


def table_of_ways(paths: list[Path], frozen: FrozenCnn, repeats: int) -> str:
    """Time the ways of the work on the same frames of the same clips, in turn, so that all see the same machine."""
    import torch

    from vidseq.backbones import load_encoder

    torch.set_num_threads(os.cpu_count() or 1)
    encoder, _ = load_encoder(frozen.name, frozen.grid)
    jobs = []
    for path in paths:
        times = video.frame_times(path)
        steps = np.linspace(0, len(times) - 1, STEPS).astype(int)
        jobs.append(Job(path.stem, path, times[steps].tolist(), path.stem))
    noise = np.random.default_rng(0).integers(0, 256, (64, 3, frozen.fit.size, frozen.fit.size), np.uint8)
    reader, whole_clip = _whole_clip_reader()

    @torch.inference_mode()
    def per_frame() -> None:
        for job in jobs:
            frames = whole_clip(job.path, frozen.fit)
            for index in np.linspace(0, len(frames) - 1, STEPS).astype(int):
                encoder(torch.from_numpy(np.ascontiguousarray(frames[index].transpose(2, 0, 1)))[None])

    @torch.inference_mode()
    def per_clip() -> None:
        for job in jobs:
            encoder(torch.from_numpy(np.stack(list(video.read_inputs(job.path, job.times, frozen.fit)))))

    def exhaust(make: Callable[[], Iterator]) -> Callable[[], None]:
        return lambda: [None for _ in make()] and None

    ways = {
        f"what the well-known examples do: {reader} decodes the whole clip, one eager call a frame": per_frame,
        "one eager call a clip": per_clip,
    }
    engines = []
    for name, precision in (("auto", "fp32"), ("auto", "bf16")):
        try:
            runtime = choose(name, precision)
        except VidseqError as error:
            engines.append(f"bf16 is not measured: {str(error).removeprefix('features.precision=bf16: ')}.")
            continue
        engine = frozen.engine(runtime, 32)
        alone = [(index, noise[index % len(noise)]) for index in range(len(jobs) * STEPS)]
        ways |= {
            f"vidseq: {runtime}": exhaust(lambda engine=engine: encode_clips(jobs, frozen.fit, engine)),
            f"the CNN alone on random data: {runtime}": exhaust(lambda engine=engine, x=alone: engine(x)),
        }
    ways |= {
        "decoding alone, one thread": exhaust(
            lambda: (f for job in jobs for f in video.read_frames(job.path, job.times))
        ),
        "decoding and the transform, one thread": exhaust(
            lambda: (f for job in jobs for f in video.read_inputs(job.path, job.times, frozen.fit))
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(repeats + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if round_:  # the first is to warm up
                seconds[name].append((time.perf_counter() - start) / len(jobs))
    loop = next(iter(seconds.values()))
    rows = ["| way | s a clip | times the examples' loop |", "|---|---:|---:|"]
    for name, took in seconds.items():
        rows.append(f"| {name} | {statistics.median(took):.4f} | {_ratio(loop, took):.1f} |")
    for name, took in seconds.items():
        if name.startswith("vidseq: "):
            share = _ratio(seconds[name.replace("vidseq", "the CNN alone on random data")], took)
            engines.insert(0, f"{name.removeprefix('vidseq: ')}: **{share:.2f} of the ceiling**, the CNN alone.")
    engines.append(agreement(jobs[:5], frozen))
    title = f"## Ways to do it\n\n{len(jobs)} clips, {STEPS} frames of each; ratios are medians of the rounds' ratios."
    return "\n".join([title, "", *rows, "", "\n\n".join(engines)])


def agreement(jobs: list[Job], frozen: FrozenCnn) -> str:
    """Compare the features of the two engines, frame by frame."""
    both = []
    for name in ("torch", "openvino"):
        engine = frozen.engine(choose(name, "fp32"), 32)
        features = {job.clip: result for job, result in encode_clips(jobs, frozen.fit, engine)}
        both.append(np.concatenate([features[job.clip] for job in jobs]).astype(np.float64))
    a_ND, b_ND = both
    cosine_N = (a_ND * b_ND).sum(1) / np.linalg.norm(a_ND, axis=1) / np.linalg.norm(b_ND, axis=1)
    return f"torch and openvino, fp32, on {len(a_ND)} of the frames: cosine of features at least {cosine_N.min():.6f}."


def _ratio(longer: list[float], shorter: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(longer, shorter, strict=True))


def _whole_clip_reader() -> tuple[str, Callable[[Path, video.Fit], list[np.ndarray]]]:
    """Return OpenCV, or PyAV where that is not installed, and how it reads all frames of a clip as (S, S, 3)."""
    try:
        import cv2
    except ImportError:
        return "PyAV (OpenCV is not installed)", lambda path, fit: [
            frame.transpose(1, 2, 0) for frame in video.read_inputs(path, video.frame_times(path), fit)
        ]

    def read(path: Path, fit: video.Fit) -> list[np.ndarray]:
        capture, frames = cv2.VideoCapture(str(path)), []
        while (read := capture.read())[0]:
            side = min(read[1].shape[:2])
            top, left = ((length - side) // 2 for length in read[1].shape[:2])
            square = read[1][top : top + side, left : left + side]
            frames.append(cv2.cvtColor(cv2.resize(square, (fit.size, fit.size)), cv2.COLOR_BGR2RGB))
        return frames

    return "OpenCV", read


if __name__ == "__main__":
    main()
