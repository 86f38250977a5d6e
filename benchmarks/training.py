"""Where the time of training a head goes, on random features of the shape of real ones; prints a table.

python -m benchmarks.training --head rnn
"""

import argparse
from functools import partial
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.profilers import SimpleProfiler

from vidseq import recipe
from vidseq.heads import HEADS
from vidseq.params import load_params
from vidseq.streams import Streams

CLIPS, CHANNELS, CLASSES = 426, 1280, 5  # the clips of split 1 that are not for test
PARTS = {
    "batches: windows, padding": "[_TrainingEpochLoop].train_dataloader_next",
    "forward and loss": "[Strategy]SingleDeviceStrategy.training_step",
    "backward": "[Strategy]SingleDeviceStrategy.backward",
    "validation": "[Strategy]SingleDeviceStrategy.validation_step",
}


def main() -> None:
    """Train once and print seconds and shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--head", choices=HEADS, default="rnn")
    arguments = parser.parse_args()
    params = load_params(Path("params.yaml"))
    kinds = 1 if params.features.difference is None else 2
    rng = np.random.default_rng(0)
    dim = kinds * CHANNELS * params.features.grid**2
    x = [torch.rand(steps, dim) for steps in rng.integers(8, params.frames.max_steps + 1, CLIPS)]
    labels = [f"class {label}" for label in rng.integers(0, CLASSES, CLIPS)]
    backbone = {"grid": params.features.grid, "difference": params.features.difference}

    seconds = {"fitting the streams": 0.0, "computing the streams": 0.0}
    profiler = SimpleProfiler()
    with (
        patch.object(Streams, "fit", timed(Streams.fit, seconds, "fitting the streams")),
        patch.object(Streams, "forward", timed(Streams.forward, seconds, "computing the streams")),
        patch("vidseq.training.pl.Trainer", partial(pl.Trainer, profiler=profiler)),
    ):
        start = perf_counter()
        recipe.train_model(arguments.head, x, labels, np.arange(CLIPS) < CLIPS // 5, params, backbone)
        total = perf_counter() - start
    seconds |= {name: sum(profiler.recorded_durations[action]) for name, action in PARTS.items()}
    seconds["clipping, optimizer, records, all else"] = total - sum(seconds.values())
    for name, value in [*seconds.items(), ("all, refit included", total)]:
        print(f"{name:<42}{value:>7.2f} s {value / total:>6.0%}")


def timed(function, seconds: dict[str, float], name: str):
    """Wrap a method so that its time is added to `seconds[name]`."""

    def wrapped(*args):
        start = perf_counter()
        result = function(*args)
        seconds[name] += perf_counter() - start
        return result

    return wrapped


if __name__ == "__main__":
    main()
