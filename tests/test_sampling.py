import numpy as np
import pytest

from vidseq.sampling import duration, sample_times


def frames(params, **changes):
    return params.frames.model_copy(update=changes)


@pytest.mark.parametrize("rate", [10, 25, 30000 / 1001, 60])
def test_fps_is_a_steady_rate_in_time_whatever_the_rate_of_the_video(params, rate):
    times = np.arange(round(3 * rate)) / rate
    chosen = sample_times(times, frames(params, strategy="fps", fps=4.0, max_steps=24))
    assert len(chosen) == 12
    np.testing.assert_allclose(chosen, (np.arange(12) + 0.5) / 4, atol=1 / rate + 1e-6)
    assert set(chosen) <= set(times)


def test_the_last_frame_is_on_display_too():
    assert duration(np.arange(50) / 25) == pytest.approx(2.0)
    assert duration(np.array([0.0])) == 0.0


def test_fps_makes_longer_clips_longer_series_up_to_the_maximum(params):
    lengths = [
        len(sample_times(np.arange(25 * s) / 25, frames(params, strategy="fps", fps=4.0, max_steps=24)))
        for s in (1, 2, 5, 60)
    ]
    assert lengths == [4, 8, 20, 24]
    spread = sample_times(np.arange(25 * 60) / 25, frames(params, strategy="fps", fps=4.0, max_steps=24))
    assert spread[0] < 2
    assert spread[-1] > 58


def test_uniform_covers_the_clip_and_repeats_frames_of_a_short_one(params):
    chosen = sample_times(np.arange(100) / 25, frames(params, strategy="uniform", max_steps=10))
    np.testing.assert_allclose(chosen, np.arange(0.2, 4, 0.4), atol=0.041)
    assert len(sample_times(np.array([0.0, 0.04]), frames(params, strategy="uniform", max_steps=10))) == 10


def test_first_takes_the_first_frames(params):
    times = np.arange(100) / 25
    np.testing.assert_array_equal(sample_times(times, frames(params, strategy="first", max_steps=20)), times[:20])


def test_a_variable_rate_is_sampled_by_time(params):
    times = np.concatenate([np.arange(0, 1, 0.01), np.arange(1, 4, 0.5)])  # 100 frames in 1 s, then 6 in 3 s
    chosen = sample_times(times, frames(params, strategy="fps", fps=1.0, max_steps=24))
    np.testing.assert_allclose(chosen, [0.44, 1.0, 2.0, 3.0])  # what is on display in the middle of each quarter


@pytest.mark.parametrize("strategy", ["fps", "uniform", "first"])
def test_a_single_frame_is_enough(params, strategy):
    assert set(sample_times(np.array([0.0]), frames(params, strategy=strategy))) == {0.0}
