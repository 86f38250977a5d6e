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
from vidseq.models.preprocessing import to_tensor
from vidseq.models.rnn import RnnHead
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
            f"| causal RNN, one step, however long the stream | {1000 * step:.2f} |",
        ]
    )


def decision_seconds(
    rnn: TrainedModel, causal: TrainedModel, features_TD: np.ndarray, repeats: int = REPEATS
) -> tuple[float, float]:
    """Return the median seconds of one decision at the end of a clip: `rnn` run over all of it, and one causal step."""
    torch.set_num_threads(1)  # as in training: the heads are too small to share
    stream = CausalStream(causal)
    return (
        _median_seconds(lambda: rnn.probabilities([features_TD]), repeats),
        _median_seconds(lambda: stream.decide(features_TD[-1:]), repeats),
    )


class CausalStream:
    """Decides after each frame by a causal RNN: its state and the maximum so far are kept, so a frame costs one step.

    Each step is preprocessed alone, without the steps that `_delta` and `_deviation` compare it with: that takes the
    same time, but the probabilities are right only without these inputs.
    """

    def __init__(self, model: TrainedModel):
        if not isinstance(model.head, RnnHead) or model.head.rnn.bidirectional:
            raise ValueError("the model's head is no causal RNN")
        self.preprocessing, self.head = model.preprocessing, model.head.eval()
        self.state: torch.Tensor | tuple[torch.Tensor, torch.Tensor] | None = None
        self.best_1D = torch.full((1, self.head.classifier.in_features), -torch.inf)

    @torch.inference_mode()
    def decide(self, features_1D: np.ndarray) -> np.ndarray:
        """Return the class probabilities (C,) after one more step."""
        x_1D = self.head.projection(self.preprocessing(to_tensor(features_1D)))
        h_1TD, self.state = self.head.rnn(x_1D[None], self.state)
        self.best_1D = torch.maximum(self.best_1D, h_1TD[:, 0])
        return self.head.classifier(self.best_1D).softmax(1)[0].numpy()


def _median_seconds(decide: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        decide()
        seconds.append(perf_counter() - start)
    return median(seconds)


if __name__ == "__main__":
    main()
