"""Which frames mattered: the classes' probabilities as the clip goes on, and what each frame adds to the whole."""

import numpy as np

from vidseq.models.trained_model import TrainedModel


def probabilities_over_time(model: TrainedModel, features_TD: np.ndarray) -> np.ndarray:
    """Return the class probabilities after each step of a clip, (T, C), each computed from the steps up to then."""
    return model.probabilities([features_TD[: step + 1] for step in range(len(features_TD))])


def occlusion(model: TrainedModel, features_TD: np.ndarray, class_index: int) -> np.ndarray:
    """Return by how much the probability of a class falls when a step is left out of the clip, (T,).

    Above 0 the frame spoke for the class. Leaving out is closer to what a head was trained on than a blank frame. A
    clip of one step has nothing left to compare with: its value is 0.
    """
    if len(features_TD) == 1:
        return np.zeros(1)
    without = [np.delete(features_TD, step, 0) for step in range(len(features_TD))]
    p_N = model.probabilities([features_TD, *without])[:, class_index]
    return p_N[0] - p_N[1:]
