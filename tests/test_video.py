import numpy as np
import pytest

from vidseq import video
from vidseq.errors import VideoError


def levels(path, times) -> list[int]:
    return [round(float(frame.mean()) / 4) for frame in video.read_frames(path, times)]


@pytest.mark.parametrize(("name", "fps"), [("a.avi", 25), ("a.mp4", 30), ("a.mkv", 10)])
def test_times_and_frames_agree(make_video, name, fps):
    path = make_video(name, 40, fps)
    times = video.frame_times(path)
    np.testing.assert_allclose(times, np.arange(40) / fps, atol=1e-3)
    assert levels(path, times[[0, 7, 7, 20, 39]]) == [0, 7, 7, 20, 39]


def test_a_frame_is_rgb_with_height_first(make_video):
    (frame,) = video.read_frames(make_video(), [0.0])
    assert frame.shape == (48, 64, 3)
    assert frame.dtype == np.uint8


def test_the_same_frames_encode_to_the_same_bytes(make_video):
    assert make_video("a.avi").read_bytes() == make_video("b.avi").read_bytes()


def test_what_is_no_video_says_why(tmp_path, make_video):
    (tmp_path / "noise.avi").write_bytes(b"not a video" * 50)
    with pytest.raises(VideoError, match="Invalid data"):
        video.frame_times(tmp_path / "noise.avi")
    (tmp_path / "empty.avi").write_bytes(b"")
    with pytest.raises(VideoError):
        video.frame_times(tmp_path / "empty.avi")
    with pytest.raises(VideoError, match="No such file"):
        video.frame_times(tmp_path / "none.avi")
    whole = make_video("whole.avi", 200).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VideoError, match=r"cut off: \d+ of 200 frames"):
        video.frame_times(tmp_path / "cut.avi")


def test_a_stream_that_breaks_off_before_a_wanted_frame_is_an_error(make_video):
    path = make_video(frames=50)
    assert levels(path, [1.96, 2.1]) == [49, 49]  # a frame or two past the end is the last one
    with pytest.raises(VideoError, match=r"breaks off at 1\.96 s, before the frame at 3\.00 s"):
        list(video.read_frames(path, [0.0, 3.0]))


def test_a_file_without_pictures_is_refused(tmp_path):
    import av

    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match="no video stream"):
        video.frame_times(tmp_path / "sound.mkv")


@pytest.mark.clips
def test_every_real_clip_can_be_read_and_rates_differ(ucf101):
    rates = set()
    for path in sorted((ucf101 / "videos").rglob("*.avi"))[::20]:
        times = video.frame_times(path)
        rates.add(round(1 / np.diff(times).mean(), 2))
        assert len(list(video.read_frames(path, times[::40]))) == len(times[::40])
    assert rates == {25.0, 29.97}
