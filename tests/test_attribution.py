import numpy as np
import torch

from vidseq.attribution import occlusion, over_time


class Loudest:
    """Stands in for a model: the chance of class 1 is the largest value seen."""

    def probabilities(self, sequences):
        p_N = torch.stack([x_TD.max() for x_TD in sequences])
        return torch.stack([1 - p_N, p_N], 1)


def test_the_frame_that_decides_is_the_one_that_is_missed():
    x_TD = torch.tensor([[0.1], [0.9], [0.2], [0.4]])
    np.testing.assert_allclose(occlusion(Loudest(), x_TD, 1), [0, 0.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(occlusion(Loudest(), x_TD, 0), [0, -0.5, 0, 0], atol=1e-6)


def test_over_time_each_value_is_of_what_was_seen_till_then():
    x_TD = torch.tensor([[0.1], [0.9], [0.2]])
    np.testing.assert_allclose(over_time(Loudest(), x_TD, 1), [0.1, 0.9, 0.9], atol=1e-6)


def test_a_single_frame_has_nothing_to_be_compared_with():
    assert occlusion(Loudest(), torch.tensor([[0.5]]), 1).tolist() == [0.0]
