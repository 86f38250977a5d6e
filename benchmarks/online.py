"""The seconds of one online decision: the RNN run again over all steps so far, or one step of the causal RNN.

Prints the section that `benchmarks.extraction` writes. Needs a project in which the pipeline has run.
"""

import argparse
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch

from vidseq import paths
from vidseq.data.features import clips_with_features, load_features
from vidseq.models.trained_model import TrainedModel, load_model

REPEATS = 30


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path(), help="where models/ and data/ are")
    with chdir(parser.parse_args().project):
        print(table_of_decisions())


def table_of_decisions() -> str:
    """Time decisions after the longest test clip of the project in the working directory."""
    clips = clips_with_features()
    longest_TD = max(load_features(clips["clip"][clips.split == "test"]), key=len)
    rnn, causal = (load_model(paths.MODELS / name) for name in ("rnn", "rnn_causal"))
    again, step = decision_seconds(rnn, causal, longest_TD)
    return "\n".join(
        [
            "## Online decisions\n\nOne decision after the last frame of the longest test clip, from that frame's "
            f"features on, in one thread; medians of {REPEATS} (`python -m benchmarks.online`).\n",
            "| decision | ms |",
            "|---|---:|",
            f"| RNN, run again over all {len(longest_TD)} steps | {1000 * again:.2f} |",
            f"| causal RNN, one step of each of its two states, however long the stream | {1000 * step:.2f} |",
        ]
    )


def decision_seconds(
    rnn: TrainedModel, causal: TrainedModel, features_TD: np.ndarray, repeats: int = REPEATS
) -> tuple[float, float]:
    """Return the median seconds of one decision at the end of a clip: `rnn` run over all of it, and one causal step."""
    torch.set_num_threads(1)  # as in training: the heads are too small to share
    stream = causal.stream()
    for _ in range(causal.window + 1):  # from then on, two parts are being read
        stream.push(features_TD[-1])
    return (
        _median_seconds(lambda: rnn.probabilities([features_TD]), repeats),
        _median_seconds(lambda: stream.push(features_TD[-1]), repeats),
    )


def _median_seconds(decide: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        decide()
        seconds.append(perf_counter() - start)
    return median(seconds)


if __name__ == "__main__":
    main()
