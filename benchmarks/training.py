"""Where the time of training a head goes, on the training clips of split 1; writes docs/training.md.

Batches of sequences of similar length are compared with batches as drawn, in turns, and the whole stage in one process
with that on all cores. Nothing else should run.
"""

import argparse
import os
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter
from unittest.mock import patch

import pytorch_lightning as pl
from joblib import cpu_count
from joblib.externals.loky import get_reusable_executor
from pytorch_lightning.profilers import SimpleProfiler

from benchmarks.clips import changed
from benchmarks.hardware import hardware
from benchmarks.heads import placeholders, training_clips
from vidseq.data.splits import FOLDS
from vidseq.models import MAIN_MODELS
from vidseq.models.preprocessing import Preprocessing
from vidseq.params import load_params
from vidseq.training import batches
from vidseq.training.recipe import train_calibrated, train_model

FIT, PREPROCESS = "fitting the preprocessing", "preprocessing"
PARTS = {
    "batches: padding": "[_TrainingEpochLoop].train_dataloader_next",
    "forward and loss": "[Strategy]SingleDeviceStrategy.training_step",
    "backward": "[Strategy]SingleDeviceStrategy.backward",
    "validation": "[Strategy]SingleDeviceStrategy.validation_step",
}
TEXT = """# Where the time of training goes

Measured by `python -m benchmarks.training {folders} --repeats {repeats}`
on {hardware}: one head (`train.ensemble` 1) on split 1 of {classes} classes,
{epochs} epochs on {known} clips and {epochs} more on {clips} (the refit), in one thread; medians of the runs. The
features are in memory.

| seconds | {heads} |
|---|{columns}|
{rows}

Sequences of similar length are batched together, within buckets of {bucket} batches. Compared with batches as drawn:

| seconds of forward and backward | {heads} |
|---|{columns}|
{buckets}

## The whole stage

A stage of the pipeline trains {heads_of_stage} heads: one with validation, then those of the ensemble, on all clips
and, for each fold, on those of the other folds. As many processes train at a time as there are cores; what they train
is the same to the last bit (`tests/stages/test_processes.py`). Each once:

| seconds | {heads} |
|---|{columns}|
{stages}
"""


def main() -> None:
    """Train each head in turns, with and without buckets, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ucf101", type=Path, nargs="+", help="folders that hold videos/<Class>/ and splits/, the lists")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("docs/training.md"))
    arguments = parser.parse_args()
    defaults = load_params(Path("params.yaml"))
    params = changed(defaults, {"train.ensemble": 1})
    clips, x, feature_config = training_clips(arguments.ucf101, params)
    labels, val_N = clips.label.tolist(), (clips.split == "val").to_numpy()
    buckets = {"of similar length": batches.BUCKET_BATCHES, "as drawn": 1}  # in a bucket of one batch nothing is sorted
    runs: dict[tuple[str, str], list[dict[str, float]]] = {key: [] for key in product(MAIN_MODELS, buckets)}
    for _ in range(arguments.repeats):
        for (head, order), of_key in runs.items():
            with patch.object(batches, "BUCKET_BATCHES", buckets[order]):
                of_key.append(profile(partial(train_model, head, x, labels, val_N, params, feature_config)))
    stage = {
        f"{cores} at a time": [
            stage_seconds(cores, partial(train_calibrated, head, x, clips, defaults, feature_config))
            for head in MAIN_MODELS
        ]
        for cores in (1, cpu_count())
    }
    text = TEXT.format(
        hardware=hardware(), epochs=params.train.epochs, known=int((~val_N).sum()), clips=len(val_N),
        bucket=batches.BUCKET_BATCHES, repeats=arguments.repeats, classes=clips.label.nunique(),
        heads_of_stage=1 + (1 + FOLDS) * defaults.train.ensemble,
        folders=placeholders(arguments.ucf101), heads=" | ".join(MAIN_MODELS),
        columns="|".join(["---:"] * len(MAIN_MODELS)), **rows(runs),
        stages="\n".join(
            f"| {title} | {' | '.join(f'{seconds:.0f}' for seconds in of_heads)} |" for title, of_heads in stage.items()
        ),
    )  # fmt: skip
    arguments.out.write_text(text, encoding="utf-8")


def rows(runs: dict[tuple[str, str], list[dict[str, float]]]) -> dict[str, str]:
    """Return the `rows` of each part of a training, and those that compare the `buckets`: medians of the runs.

    The runs' keys are (head, bucket).
    """

    def row(title: str, bucket: str, *parts: str) -> str:
        of_heads = [of_key for (_, name), of_key in runs.items() if name == bucket]
        medians = [median(sum(run[part] for part in parts) for run in of_key) for of_key in of_heads]
        return f"| {title} | {' | '.join(f'{seconds:.1f}' for seconds in medians)} |"

    names = list(dict.fromkeys(name for _, name in runs))
    first = next(iter(runs.values()))[0]
    return {
        "rows": "\n".join(row(part, names[0], part) for part in first),
        "buckets": "\n".join(row(name, name, "forward and loss", "backward") for name in names),
    }


def profile(train: Callable[[], object]) -> dict[str, float]:
    """Return the seconds of each part of a training, and of `all`."""
    seconds = {FIT: 0.0, PREPROCESS: 0.0}
    profiler = SimpleProfiler()
    with (
        patch.object(Preprocessing, "fit", timed(Preprocessing.fit, seconds, FIT)),
        patch.object(Preprocessing, "forward", timed(Preprocessing.forward, seconds, PREPROCESS)),
        patch("vidseq.training.loop.pl.Trainer", partial(pl.Trainer, profiler=profiler)),
    ):
        start = perf_counter()
        train()
        total = perf_counter() - start
    seconds |= {name: sum(profiler.recorded_durations[action]) for name, action in PARTS.items()}
    return seconds | {"clipping, optimizer, logging, all else": total - sum(seconds.values()), "all": total}


def stage_seconds(cores: int, train: Callable[[], object]) -> float:
    """Return the seconds of a training that has so many cores, the start of its processes included."""
    with patch.dict(os.environ, LOKY_MAX_CPU_COUNT=str(cores)):
        start = perf_counter()
        train()
        seconds = perf_counter() - start
    get_reusable_executor().shutdown()
    return seconds


def timed(method: Callable[..., object], seconds: dict[str, float], name: str) -> Callable[..., object]:
    """Wrap a method so that its time is added to `seconds[name]`."""

    def wrapped(*args: object) -> object:
        start = perf_counter()
        result = method(*args)
        seconds[name] += perf_counter() - start
        return result

    return wrapped


if __name__ == "__main__":
    main()
