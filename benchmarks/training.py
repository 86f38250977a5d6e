"""Where the time of training a head goes, on the training clips of split 1; writes docs/training.md.

Batches of series of like length are measured against batches as they were drawn, in turns. Nothing else should run.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from unittest.mock import patch

import pytorch_lightning as pl
from pytorch_lightning.profilers import SimpleProfiler

from benchmarks.clips import load_clips, of_folder
from benchmarks.extraction import hardware
from benchmarks.heads import official
from vidseq import sequences
from vidseq.heads import HEADS
from vidseq.params import load_params
from vidseq.recipe import train_model
from vidseq.streams import Streams

PARTS = {
    "batches: views, padding": "[_TrainingEpochLoop].train_dataloader_next",
    "forward and loss": "[Strategy]SingleDeviceStrategy.training_step",
    "backward": "[Strategy]SingleDeviceStrategy.backward",
    "validation": "[Strategy]SingleDeviceStrategy.validation_step",
}
TEXT = """# Where the time of training goes

Measured by `python -m benchmarks.training <ucf101>` on {hardware}: one head of split 1 of the five classes,
{epochs} epochs on {known} clips and {epochs} more on {clips} (the refit), in one thread; runs: {repeats},
the median of them. The
features are in memory, and no process but the one that trains takes part.

| seconds | {heads} |
|---|{columns}|
{rows}

Series of like length stand in one batch, as far as pools of {pool} batches allow. Against batches as they were drawn,
half of which is padding, in the same runs:

| seconds of forward and backward | {heads} |
|---|{columns}|
{pools}
"""


def main() -> None:
    """Train each head in turns, with and without pools, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ucf101", type=Path, help="a folder that holds videos/<Class>/ and the official lists, splits/")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("docs/training.md"))
    arguments = parser.parse_args()
    params = of_folder(arguments.ucf101 / "videos", load_params(Path("params.yaml")))
    clips, x, backbone = load_clips(params)
    table = official(clips, arguments.ucf101 / "splits", 1)
    table = table[table.split != "test"]
    x, val = [x[i] for i in table.index], (table.split == "val").to_numpy()
    pools = (sequences.POOL, 1)  # a pool of one batch: as drawn
    runs: dict[tuple[str, int], list[dict[str, float]]] = {(head, pool): [] for head in HEADS for pool in pools}
    for _ in range(arguments.repeats):
        for head, pool in runs:
            with patch.object(sequences, "POOL", pool):
                runs[head, pool].append(
                    profile(lambda head=head: train_model(head, x, table.label.tolist(), val, params, backbone))
                )

    def cells(pool: int, *parts: str) -> str:
        return " | ".join(f"{median(sum(run[part] for part in parts) for run in runs[h, pool]):.1f}" for h in HEADS)

    rows = [f"| {part} | {cells(pools[0], part)} |" for part in runs[next(iter(HEADS)), pools[0]][0]]
    both = [f"| {name} | {cells(pool, 'forward and loss', 'backward')} |"
            for name, pool in zip(("of like length", "as drawn"), pools, strict=True)]  # fmt: skip
    text = TEXT.format(
        hardware=hardware(), epochs=params.train.epochs, known=int((~val).sum()), clips=len(val), pool=pools[0],
        repeats=arguments.repeats, heads=" | ".join(HEADS), columns="|".join(["---:"] * len(HEADS)),
        rows="\n".join(rows), pools="\n".join(both),
    )  # fmt: skip
    arguments.out.write_text(text, encoding="utf-8")


def profile(train: Callable[[], object]) -> dict[str, float]:
    """Return the seconds of each part of a training, `all` at last."""
    seconds = {"fitting the streams": 0.0, "computing the streams": 0.0}
    profiler = SimpleProfiler()
    with (
        patch.object(Streams, "fit", timed(Streams.fit, seconds, "fitting the streams")),
        patch.object(Streams, "forward", timed(Streams.forward, seconds, "computing the streams")),
        patch("vidseq.training.pl.Trainer", partial(pl.Trainer, profiler=profiler)),
    ):
        start = perf_counter()
        train()
        total = perf_counter() - start
    seconds |= {name: sum(profiler.recorded_durations[action]) for name, action in PARTS.items()}
    return seconds | {"clipping, optimizer, records, all else": total - sum(seconds.values()), "all": total}


def timed(method: Callable, seconds: dict[str, float], name: str) -> Callable:
    """Wrap a method so that its time is added to `seconds[name]`."""

    def wrapped(*args: object) -> object:
        start = perf_counter()
        result = method(*args)
        seconds[name] += perf_counter() - start
        return result

    return wrapped


if __name__ == "__main__":
    main()
