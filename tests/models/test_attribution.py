import numpy as np

from vidseq.models.attribution import occlusion, probabilities_over_time


class Loudest:
    """Stands in for a model: the probability of class 1 is the largest value seen."""

    def probabilities(self, features):
        p_N = np.array([x_TD.max() for x_TD in features])
        return np.stack([1 - p_N, p_N], 1)


def test_leaving_out_the_decisive_frame_costs_the_most():
    x_TD = np.array([[0.1], [0.9], [0.2], [0.4]])
    np.testing.assert_allclose(occlusion(Loudest(), x_TD, 1), [0, 0.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(occlusion(Loudest(), x_TD, 0), [0, -0.5, 0, 0], atol=1e-6)


def test_each_probability_over_time_is_computed_from_the_frames_up_to_then():
    x_TD = np.array([[0.1], [0.9], [0.2]])
    np.testing.assert_allclose(probabilities_over_time(Loudest(), x_TD)[:, 1], [0.1, 0.9, 0.9], atol=1e-6)


def test_a_single_frame_has_nothing_to_compare_with():
    assert occlusion(Loudest(), np.array([[0.5]]), 1).tolist() == [0.0]
