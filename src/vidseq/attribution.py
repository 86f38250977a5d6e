"""Which frames mattered: the class's probability as the clip goes on, and what each frame adds to the whole."""

import numpy as np
import torch

from vidseq.trained_model import TrainedModel


def over_time(model: TrainedModel, x_TD: torch.Tensor, column: int) -> np.ndarray:
    """Return the probability of class `column` after each step of a series, (T,), each from what was seen till then."""
    return model.probabilities([x_TD[: step + 1] for step in range(len(x_TD))])[:, column].numpy()


def occlusion(model: TrainedModel, x_TD: torch.Tensor, column: int) -> np.ndarray:
    """Return by how much the probability of class `column` falls when a step is left out of the series, (T,).

    Above 0 the frame spoke for the class. Leaving out is closer to what a head was trained on than a
    blank frame. A series of one step has nothing left to compare with: its value is 0.
    """
    if len(x_TD) == 1:
        return np.zeros(1)
    without = [torch.cat([x_TD[:step], x_TD[step + 1 :]]) for step in range(len(x_TD))]
    p_N = model.probabilities([x_TD, *without])[:, column].numpy()
    return p_N[0] - p_N[1:]
