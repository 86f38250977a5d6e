"""How close the extraction comes to its ceiling: decoding with the transform, and the CNN, each alone on all cores."""

import statistics
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from vidseq.errors import VidseqError
from vidseq.extraction.backbone import Backbone
from vidseq.extraction.encode import DECODERS, Job, diff_of, encode_clips, images
from vidseq.extraction.engines import Engine, choose_runtime
from vidseq.params import Params
from vidseq.video.sampling import plan_frames
from vidseq.video.write import write_video

TITLE = """## The ceiling

The same work in two parts, each alone on all cores: reading the clips with the transform and the difference images, and
the CNN on what they give, equal images once. The ceiling is the sum of both times; {count} clips, sampled as
`params.yaml` says. Times are medians, in ms per clip. The cosine is that of
the features to those of the first row, the mean over frames and the mean over difference images."""
STILL_FRAMES, FPS = 150, 25


def table_of_ceiling(folder: Path, files: list[Path], backbone: Backbone, params: Params, repeats: int) -> str:
    """Time both parts and the whole in turns, in every precision to be had here, and a clip that stands still."""
    jobs = [_job(file, params) for file in files]
    rows = ["| what runs the CNN | reading | CNN | whole | of the ceiling | cosine |", "|---|---:|---:|---:|---:|---|"]
    notes, features = [], []
    for precision in ("fp32", "bf16", "int8"):
        try:
            runtime = choose_runtime("auto", precision)
        except VidseqError as error:
            notes.append(f"{precision} is not measured: {error}.")
            continue
        engine = backbone.engine(runtime, params.features.batch_size)
        reading, cnn, whole = (ms / len(jobs) for ms in _parts(jobs, backbone, engine, repeats))
        fraction = (reading + cnn) / whole
        features.append(_features(jobs, backbone, engine))
        cosines = ", ".join(f"{cosine:.4f}" for cosine in _cosines(features[0], features[-1]))
        rows.append(f"| {runtime} | {reading:.1f} | {cnn:.1f} | {whole:.1f} | **{fraction:.2f}** | {cosines} |")
        if precision == "fp32":
            notes.append(_still(folder, backbone, engine, params, repeats))
    return "\n".join([TITLE.format(count=len(jobs)), "", *rows, "", "\n\n".join(notes)])


def _job(file: Path, params: Params) -> Job:
    return Job(str(file), file, plan_frames(file, params.frames)[0].tolist(), diff=diff_of(params.features))


def _parts(jobs: list[Job], backbone: Backbone, engine: Engine, repeats: int) -> list[float]:
    """Return the median ms of reading the clips, of the CNN on their images, and of both as the stage does it."""
    by_clip = [{image_3SS.tobytes(): image_3SS for image_3SS in images(job, backbone.transform)} for job in jobs]
    tagged = list(enumerate(image_3SS for clip in by_clip for image_3SS in clip.values()))

    def read() -> None:
        with ThreadPoolExecutor(DECODERS) as pool:
            deque(pool.map(lambda job: deque(images(job, backbone.transform), maxlen=0), jobs), maxlen=0)

    ways: list[Callable[[], object]] = [
        read,
        lambda: deque(engine(tagged), maxlen=0),
        lambda: deque(encode_clips(jobs, backbone.transform, engine), maxlen=0),
    ]
    rounds = [[_ms(way) for way in ways] for _ in range(repeats + 1)]
    return [statistics.median(of_way) for of_way in zip(*rounds[1:], strict=True)]  # the first is to warm up


def _features(jobs: list[Job], backbone: Backbone, engine: Engine) -> np.ndarray:
    """Return the features of all steps (N, I, D), I image types of each."""
    by_clip = {}
    for job, result in encode_clips(jobs, backbone.transform, engine):
        if isinstance(result, VidseqError):
            raise result
        by_clip[job.clip] = result.astype(np.float64)
    return np.concatenate([by_clip[job.clip].reshape(len(job.times), -1, backbone.dim) for job in jobs])


def _cosines(a_NID: np.ndarray, b_NID: np.ndarray) -> np.ndarray:
    lengths_NI = np.linalg.norm(a_NID, axis=2) * np.linalg.norm(b_NID, axis=2)
    return ((a_NID * b_NID).sum(2) / lengths_NI).mean(0)


def _still(folder: Path, backbone: Backbone, engine: Engine, params: Params, repeats: int) -> str:
    """Compare a clip that stands still with one that does not, of one length and size."""
    noise = np.random.default_rng(0).integers(0, 256, (STILL_FRAMES, 6, 8, 3), np.uint8).repeat(40, 1).repeat(40, 2)

    def encode(job: Job) -> None:
        deque(encode_clips([job], backbone.transform, engine), maxlen=0)

    milliseconds = []
    for name, frames in (("still", [noise[0]] * STILL_FRAMES), ("moving", noise)):
        write_video(folder / f"{name}.avi", iter(frames), FPS)
        job = _job(folder / f"{name}.avi", params)
        milliseconds.append(statistics.median(_ms(partial(encode, job)) for _ in range(repeats)))
    still, moving = milliseconds
    return (
        "Equal images go through the CNN once: a clip "
        f"of {STILL_FRAMES // FPS} s that stands still takes {still:.0f} ms, one that moves {moving:.0f} ms."
    )


def _ms(way: Callable[[], object]) -> float:
    start = time.perf_counter()
    way()
    return 1000 * (time.perf_counter() - start)
