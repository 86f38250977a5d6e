from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vidseq.errors import VideoError
from vidseq.video.packets import shown_frames
from vidseq.video.read import frame_timestamps, stream_frames
from vidseq.video.sampling import duration, plan_frames, plan_interval, sample_stream, sample_times


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


def test_a_clip_that_is_too_long_contributes_its_first_frames(params):
    settings = frames(params, strategy="fps", fps=4.0, max_frames=24)
    np.testing.assert_array_equal(
        sample_times(np.arange(25 * 60) / 25, settings), sample_times(np.arange(25 * 6) / 25, settings)
    )


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
    np.testing.assert_allclose(chosen, [0.5, 1.5, 2.5, 3.5])
    chosen = sample_times(timestamps, frames(params, strategy="fps", fps=0.8, max_frames=24))
    np.testing.assert_allclose(chosen, [0.62, 1.5, 3.0])  # what is on display at 0.625, 1.875 and 3.125 s


@pytest.mark.parametrize("strategy", ["fps", "uniform", "first"])
def test_a_single_frame_is_enough(params, strategy):
    assert set(sample_times(np.array([0.0]), frames(params, strategy=strategy))) == {0.0}


def test_a_plan_has_timestamps_of_the_file_and_its_duration(params, make_video):
    path = make_video(frames=50, fps=25)
    chosen, seconds = plan_frames(path, frames(params, strategy="fps", fps=4.0, max_frames=24))
    assert seconds == pytest.approx(2.0)
    assert len(chosen) == 8
    assert set(chosen) <= set(frame_timestamps(path))


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """Write a video whose frames begin at the given times (ms)."""

    def write(name: str, times_ms: list[int]) -> Path:
        path = tmp_path_factory.mktemp("uneven") / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
            for index, time in enumerate(times_ms):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 3 * index % 256, np.uint8), format="rgb24")
                frame.pts, frame.time_base = time, Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write


def uneven_times(seed: int, frames: int) -> list[int]:
    """Gaps of 5 to 900 ms, short and long ones in turns."""
    gaps = np.random.default_rng(seed).choice([5, 20, 40, 40, 333, 900], frames - 1)
    return [0, *np.cumsum(gaps).tolist()]


@pytest.mark.parametrize(("name", "fps"), [("a.mkv", 4.0), ("b.mp4", 4.0), ("c.mkv", 2.7), ("d.mp4", 30.0)])
def test_of_a_part_of_a_file_the_first_of_its_times_are_taken(params, uneven, name, fps):
    """Whatever the rate, and wherever the file ends: so what a model sees does not depend on what comes later."""
    times_ms = uneven_times(0, 60)
    settings = frames(params, strategy="fps", fps=fps, max_frames=1024)
    whole, _ = plan_frames(uneven(name, times_ms), settings)
    assert len(whole) > 20
    for count in (2, 7, 25, 26, 27, 41, 59):
        part, _ = plan_frames(uneven(name, times_ms[:count]), settings)
        if times_ms[count - 1] < 500 / fps:
            assert len(part) == 1  # at least one, even if the first time is not reached
        else:
            np.testing.assert_array_equal(part, whole[: len(part)])
            assert len(part) == int(times_ms[count - 1] / 1000 * fps + 0.5)


@pytest.mark.clips
def test_of_a_part_of_a_real_clip_the_first_of_its_times_are_taken(params, ucf101):
    lengths = set()
    for path in sorted((ucf101 / "videos").rglob("*.avi"))[::60]:
        timestamps = frame_timestamps(path)
        whole = sample_times(timestamps, params.frames)
        lengths.add(len(whole))
        first = int(np.searchsorted(timestamps, 0.5 / params.frames.fps))
        for count in range(first + 1, len(timestamps)):
            part = sample_times(timestamps[:count], params.frames)
            np.testing.assert_array_equal(part, whole[: len(part)])
    assert len(lengths) > 3


@pytest.mark.parametrize(("name", "fps"), [("a.mkv", 4.0), ("b.mp4", 4.0), ("c.mkv", 2.7), ("d.mp4", 30.0)])
def test_a_stream_is_sampled_as_its_file(params, uneven, name, fps):
    path = uneven(name, uneven_times(1, 60))
    planned, _ = plan_frames(path, frames(params, strategy="fps", fps=fps, max_frames=1024))
    chosen = list(sample_stream(stream_frames(path), fps, 0.25))
    np.testing.assert_allclose([seconds for seconds, _, _ in chosen], planned, atol=1e-9)
    begins = frame_timestamps(path)
    earlier = begins[shown_frames(begins, planned - 0.25)]
    np.testing.assert_allclose([before.time for _, _, before in chosen], earlier, atol=1e-9)
    assert [frame.time for _, frame, _ in chosen] == [seconds for seconds, _, _ in chosen]


def test_a_stream_knows_what_is_on_display_when_the_next_frame_begins():
    arrived = []

    def frames():
        for seconds in (7.0, 7.1, 7.125, 7.2, 7.9):  # counted from anywhere
            arrived.append(seconds)
            yield seconds, f"at {seconds}"

    chosen = [(seconds, before, arrived[-1]) for seconds, _, before in sample_stream(frames(), 4.0, 0.25)]
    assert chosen == [(7.125, "at 7.0", 7.125), *[(7.2, "at 7.0", 7.9)] * 3]  # at 0.125; 0.375, 0.625 and 0.875 s


def test_a_stream_shorter_than_half_a_step_has_one_frame():
    assert list(sample_stream([(0.0, "a"), (0.04, "b")], 4.0, 0.25)) == [(0.04, "b", "a")]
    assert list(sample_stream([], 4.0, 0.25)) == []


def test_a_file_that_cannot_be_read_has_no_plan(params, tmp_path):
    with pytest.raises(VideoError, match="No such file"):
        plan_frames(tmp_path / "none.avi", params.frames)


@pytest.mark.parametrize("strategy", ["fps", "uniform", "first"])
@pytest.mark.parametrize(("start", "end"), [(2.0, 6.0), (1.99, 5.98), (2.0, np.nan), (np.nan, 4.0), (9.9, 10.0)])
def test_an_interval_is_sampled_like_a_clip_cut_there(params, strategy, start, end):
    settings = frames(params, strategy=strategy, fps=4.0, max_frames=12)
    video_N = np.arange(250) / 25
    inside = (video_N >= np.nan_to_num(start)) & ~(video_N >= end)
    cut_N = video_N[inside] - video_N[inside][0]
    times_T, seconds, begin = plan_interval(video_N, settings, start, end)
    assert begin == video_N[inside][0]
    np.testing.assert_allclose(times_T - begin, sample_times(cut_N, settings), atol=1e-9)
    assert seconds == pytest.approx(len(cut_N) / 25)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (8.0, 11.0, "it lasts 10.00 s, and the interval ends at 11 s"),
        (12.0, np.nan, "it lasts 10.00 s, and none of its frames begins from 12 to inf s"),
        (2.01, 2.02, "none of its frames begins from 2.01 to 2.02 s"),
    ],
)
def test_an_interval_that_is_not_in_the_video_is_refused(params, start, end, message):
    with pytest.raises(VideoError, match=message):
        plan_interval(np.arange(250) / 25, frames(params, strategy="fps", fps=4.0, max_frames=12), start, end)
