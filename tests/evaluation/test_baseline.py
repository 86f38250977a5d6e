import numpy as np

from vidseq.evaluation.baseline import PoolingBaseline, mean_over_time


def test_it_knows_what_is_in_the_frames_and_not_their_order():
    rng = np.random.default_rng(0)
    y = [n % 2 for n in range(40)]
    appearance = [rng.normal(size=(6, 4)) + 3 * label for label in y]
    rise = [(np.arange(6.0)[:, None] - 2.5) * (1 if label else -1) + 0.1 * rng.normal(size=(6, 4)) for label in y]
    for clips, low, high in ((appearance, 0.95, 1.0), (rise, 0.0, 0.75)):
        p_NC = PoolingBaseline(clips[:20], y[:20]).probabilities(clips[20:])
        np.testing.assert_allclose(p_NC.sum(1), 1)
        accuracy = (p_NC.argmax(1) == y[20:]).mean()
        assert low <= accuracy <= high
    backwards = [x_TD[::-1] for x_TD in appearance]
    np.testing.assert_allclose(mean_over_time(backwards), mean_over_time(appearance), rtol=1.3e-6, atol=1e-5)


def test_means_of_half_precision_features_are_taken_in_single_precision():
    x_TD = np.full((4096, 1), 60_000, np.float16)  # their sum is far beyond float16
    assert mean_over_time([x_TD]) == np.float16(60_000)
