import numpy as np
import pytest

from vidseq.errors import VideoError
from vidseq.video.read import frame_timestamps
from vidseq.video.sampling import duration, plan_frames, sample_times


def frames(params, **changes):
    return params.frames.model_copy(update=changes)


@pytest.mark.parametrize("rate", [10, 25, 30000 / 1001, 60])
def test_fps_is_a_steady_rate_in_time_whatever_the_rate_of_the_video(params, rate):
    timestamps = np.arange(round(3 * rate)) / rate
    chosen = sample_times(timestamps, frames(params, strategy="fps", fps=4.0, max_frames=24))
    assert len(chosen) == 12
    np.testing.assert_allclose(chosen, (np.arange(12) + 0.5) / 4, atol=1 / rate + 1e-6)
    assert set(chosen) <= set(timestamps)


def test_the_last_frame_is_on_display_too():
    assert duration(np.arange(50) / 25) == pytest.approx(2.0)
    assert duration(np.array([0.0])) == 0.0


def test_fps_makes_longer_clips_longer_sequences_up_to_the_maximum(params):
    lengths = [
        len(sample_times(np.arange(25 * s) / 25, frames(params, strategy="fps", fps=4.0, max_frames=24)))
        for s in (1, 2, 5, 60)
    ]
    assert lengths == [4, 8, 20, 24]
    spread = sample_times(np.arange(25 * 60) / 25, frames(params, strategy="fps", fps=4.0, max_frames=24))
    assert spread[0] < 2
    assert spread[-1] > 58


def test_uniform_covers_the_clip_and_repeats_frames_of_a_short_one(params):
    chosen = sample_times(np.arange(100) / 25, frames(params, strategy="uniform", max_frames=10))
    np.testing.assert_allclose(chosen, np.arange(0.2, 4, 0.4), atol=0.041)
    assert len(sample_times(np.array([0.0, 0.04]), frames(params, strategy="uniform", max_frames=10))) == 10


def test_first_takes_the_first_frames(params):
    timestamps = np.arange(100) / 25
    chosen = sample_times(timestamps, frames(params, strategy="first", max_frames=20))
    np.testing.assert_array_equal(chosen, timestamps[:20])


def test_a_variable_rate_is_sampled_by_time(params):
    timestamps = np.concatenate([np.arange(0, 1, 0.01), np.arange(1, 4, 0.5)])  # 100 frames in 1 s, then 6 in 3 s
    chosen = sample_times(timestamps, frames(params, strategy="fps", fps=1.0, max_frames=24))
    np.testing.assert_allclose(chosen, [0.44, 1.0, 2.0, 3.0])  # what is on display in the middle of each quarter


@pytest.mark.parametrize("strategy", ["fps", "uniform", "first"])
def test_a_single_frame_is_enough(params, strategy):
    assert set(sample_times(np.array([0.0]), frames(params, strategy=strategy))) == {0.0}


def test_a_plan_has_timestamps_of_the_file_and_its_duration(params, make_video):
    path = make_video(frames=50, fps=25)
    chosen, seconds = plan_frames(path, frames(params, strategy="fps", fps=4.0, max_frames=24))
    assert seconds == pytest.approx(2.0)
    assert len(chosen) == 8
    assert set(chosen) <= set(frame_timestamps(path))


def test_a_file_that_cannot_be_read_has_no_plan(params, tmp_path):
    with pytest.raises(VideoError, match="No such file"):
        plan_frames(tmp_path / "none.avi", params.frames)
