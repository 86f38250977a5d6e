"""What it costs to extract features and to decide online: time, memory, start-up. Writes docs/performance.md.

Needs a project in which the pipeline has run, best on UCF101's clips; OpenCV for the row of the well-known examples
(`uv pip install --group bench`). Nothing else should run.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import numpy as np

from benchmarks.extraction_against import table_of_checkouts
from benchmarks.extraction_ceiling import table_of_ceiling
from benchmarks.extraction_costs import memory, table_of_growth, table_of_start_up
from benchmarks.hardware import hardware
from vidseq.data.clips import clip_files, read_clips
from vidseq.errors import VidseqError
from vidseq.extraction.backbone import Backbone, load_backbone
from vidseq.extraction.encode import Job, encode_clips
from vidseq.extraction.engines import choose_runtime
from vidseq.files import atomic_write
from vidseq.params import load_params
from vidseq.video.read import frame_timestamps
from vidseq.video.transform import FrameTransform, read_inputs

ROOT = Path(__file__).resolve().parents[1]
STEPS = 20  # frames per clip, as in the examples
AGAINST_CLIPS = 100  # enough that start-up does not count for much
GROWTH = (50, 100, 200, 400, 593)

HEAD = """# Performance

Measured by `{command}`
on {hardware}, with the {clips} clips of {classes} classes of UCF101.
What all stages cost on up to all of UCF101: [scale.md](scale.md)."""
WHY = """## Why it is fast

- One thread decodes one clip (FFmpeg's threads within a clip of this size cost twice the processor time). As many clips
  are decoded at a time as there are cores, at most 8, into a queue of 64 frames. Frames that no sample needs are not
  decoded where the container allows it: those on which no other frame depends, and in a long gap between two samples
  those before the last keyframe.
- A frame is converted, resized and cropped in one chain of FFmpeg's filters, with the result of timm's own transform
  (`tests/extraction/test_encoder.py`: cosine of the features above 0.9999).
- The engine takes frames as they come, across clips, and never waits for a batch to end: OpenVINO one frame per
  request, with twice as many requests as it runs at a time; torch on CUDA with pinned memory, one batch ahead.
- The converted CNN and each clip's features are cached in `.cache/`, so a run without new clips needs no torch.
- `features.precision=bf16` is faster where the processor or the accelerator has bf16. The default is fp32, so that
  results do not depend on the machine; `data/features/meta.json` and the log record what was used.
- `features.precision=int8` (the extra `vidseq[int8]`) is faster on a CPU. NNCF quantizes the
  CNN once, on frames and difference images that the code draws (`extraction/quantize.py`), so a clip's features depend
  on no other clip. The first three convolutions stay in float ([int8.md](int8.md)). The features still depend on the
  processor: the instruction set is part of their cache key, and `vidseq predict` says so where it is another one.

## More than one machine

`features.executor=ray` (the extra `vidseq[ray]`) divides the clips into shards by their cache
keys, and each node of a Ray cluster works on one shard at a time. The cluster is that of `RAY_ADDRESS`, or one on this
machine. The project, with its `.cache/` and the clips, must be on a file system that all nodes share. Each clip's
features are cached as soon as they are computed: when a worker is lost, Ray restarts its shard, and only the clips that
were not finished are encoded again. The nodes should be alike, since other processors compute other last bits.
`tests/stages/test_extract_features.py` runs it on two nodes on loopback, kills a worker, and compares the bytes."""


def main() -> None:
    """Measure everything and write the tables."""
    # imports torch, which a process that encodes by OpenVINO does without: its memory is measured
    from benchmarks.online import table_of_decisions

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path(), help="where data/ and models/ are")
    parser.add_argument("--clips", type=int, default=25, help="of the first tables, spread over the clip table")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--growth", type=int, nargs="+", default=GROWTH, help="numbers of clips")
    parser.add_argument("--against", type=Path, help="another checkout, as git worktree, to time beside this one")
    parser.add_argument("--minutes", type=float, default=10, help="length of the 1080p file")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "performance.md")
    arguments = parser.parse_args()
    out, repeats = arguments.out.absolute(), arguments.repeats
    params, other = load_params(ROOT / "params.yaml"), arguments.against and arguments.against.absolute()
    with tempfile.TemporaryDirectory() as name, chdir(arguments.project):
        folder = Path(name)
        clips = read_clips()
        chosen = clip_files(clips.iloc[np.unique(np.linspace(0, len(clips) - 1, arguments.clips).astype(int))])
        backbone = load_backbone(params.features.backbone, folder / ".cache" / "models")
        sections = [
            table_of_ways(chosen, backbone, repeats),
            table_of_ceiling(folder, chosen, backbone, params, repeats),
            *([table_of_checkouts(folder / "against", clips, other, AGAINST_CLIPS, repeats)] if other else []),
            table_of_growth(folder, clips, arguments.growth, repeats),
            memory(folder, chosen, backbone, arguments.minutes),
            table_of_start_up(folder, repeats),
            table_of_decisions(),
        ]
    options = [f"--{option} {getattr(arguments, option)}" for option in ("clips", "repeats", "minutes")]
    if other:
        options.append("--against <worktree>")
    command = f"python -m benchmarks.extraction {' '.join(options)}"
    facts = {"clips": len(clips), "classes": clips.label.nunique()}
    head = HEAD.format(command=command, hardware=hardware(), **facts)
    with atomic_write(out) as tmp:
        tmp.write_text("\n\n".join([head, *sections, WHY]) + "\n", encoding="utf-8")
    print(out.read_text(encoding="utf-8"))


def table_of_ways(files: list[Path], backbone: Backbone, repeats: int) -> str:
    """Time ways to do the same work on the same frames, in turns, so that all of them see the same machine."""
    import torch

    from vidseq.extraction.encoder import load_encoder

    torch.set_num_threads(os.cpu_count() or 1)
    encoder, _ = load_encoder(backbone.name)
    transform = backbone.transform
    jobs = []
    for file in files:
        timestamps_N = frame_timestamps(file)
        steps = np.linspace(0, len(timestamps_N) - 1, STEPS).astype(int)
        jobs.append(Job(str(file), file, timestamps_N[steps].tolist()))
    reader, read_whole = _whole_clip_reader()

    @torch.inference_mode()
    def per_frame() -> None:
        for job in jobs:
            frames = read_whole(job.path, transform)
            for index in np.linspace(0, len(frames) - 1, STEPS).astype(int):
                encoder(torch.from_numpy(np.ascontiguousarray(frames[index].transpose(2, 0, 1)))[None])

    @torch.inference_mode()
    def per_clip() -> None:
        for job in jobs:
            encoder(torch.from_numpy(np.stack(list(read_inputs(job.path, job.times, transform)))))

    ways: dict[str, Callable[[], object]] = {
        f"the well-known examples: {reader} decodes the whole clip, one eager call per frame": per_frame,
        "one eager call per clip": per_clip,
    }
    runtime = choose_runtime("auto", "fp32")
    engine = backbone.engine(runtime, 32)
    ways[f"vidseq: {runtime}"] = lambda: deque(encode_clips(jobs, transform, engine), maxlen=0)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(repeats + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if round_:  # the first is to warm up
                seconds[name].append((time.perf_counter() - start) / len(jobs))
    examples = next(iter(seconds.values()))
    rows = ["| way | s per clip | times as fast as the examples |", "|---|---:|---:|"]
    for name, of_way in seconds.items():
        rows.append(f"| {name} | {statistics.median(of_way):.4f} | {_ratio(examples, of_way):.1f} |")
    title = f"## Ways to do it\n\n{len(jobs)} clips, {STEPS} frames of each; ratios are medians of the rounds' ratios."
    return "\n".join([title, "", *rows, "", agreement(jobs[:5], backbone)])


def agreement(jobs: list[Job], backbone: Backbone) -> str:
    """Compare the features of the two engines, frame by frame."""
    both = []
    for name in ("torch", "openvino"):
        engine = backbone.engine(choose_runtime(name, "fp32"), 32)
        features = {}
        for job, result in encode_clips(jobs, backbone.transform, engine):
            if isinstance(result, VidseqError):
                raise result
            features[job.clip] = result
        both.append(np.concatenate([features[job.clip] for job in jobs]).astype(np.float64))
    a_ND, b_ND = both
    cosine_N = (a_ND * b_ND).sum(1) / np.linalg.norm(a_ND, axis=1) / np.linalg.norm(b_ND, axis=1)
    return f"torch and openvino, fp32, on {len(a_ND)} of the frames: cosine of features at least {cosine_N.min():.6f}."


def _ratio(longer: list[float], shorter: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(longer, shorter, strict=True))


def _whole_clip_reader() -> tuple[str, Callable[[Path, FrameTransform], list[np.ndarray]]]:
    """Return OpenCV, or PyAV where that is not installed, and how it reads all frames of a clip as (S, S, 3)."""
    try:
        import cv2
    except ImportError:
        return "PyAV (OpenCV is not installed)", lambda path, transform: [
            frame_3SS.transpose(1, 2, 0) for frame_3SS in read_inputs(path, frame_timestamps(path).tolist(), transform)
        ]

    def read(path: Path, transform: FrameTransform) -> list[np.ndarray]:
        capture, frames = cv2.VideoCapture(str(path)), []
        while (read := capture.read())[0]:
            side = min(read[1].shape[:2])
            top, left = ((length - side) // 2 for length in read[1].shape[:2])
            square = read[1][top : top + side, left : left + side]
            resized = cv2.resize(square, (transform.size, transform.size))
            frames.append(cv2.cvtColor(resized, cv2.COLOR_BGR2RGB))
        return frames

    return "OpenCV", read


if __name__ == "__main__":
    main()
