from pathlib import Path

import av
import numpy as np
import pytest
from ffmpeg import ffmpeg
from PIL import Image

from vidseq.errors import VideoError
from vidseq.video import read
from vidseq.video.read import frame_timestamps, read_frames


def levels(path, times) -> list[int]:
    return [round(float(frame.mean()) / 4) for frame in read_frames(path, times)]


@pytest.mark.parametrize(("name", "fps"), [("a.avi", 25), ("a.mp4", 30), ("a.mkv", 10)])
def test_timestamps_and_frames_agree(make_video, name, fps):
    path = make_video(name, 40, fps)
    timestamps = frame_timestamps(path)
    np.testing.assert_allclose(timestamps, np.arange(40) / fps, atol=1e-3)
    assert levels(path, timestamps[[0, 7, 7, 20, 39]]) == [0, 7, 7, 20, 39]


def test_a_frame_is_rgb_with_height_first(make_video):
    (frame,) = read_frames(make_video(), [0.0])
    assert frame.shape == (48, 64, 3)
    assert frame.dtype == np.uint8


def test_what_is_no_video_says_why(tmp_path, make_video):
    (tmp_path / "noise.avi").write_bytes(b"not a video" * 50)
    with pytest.raises(VideoError, match="Invalid data"):
        frame_timestamps(tmp_path / "noise.avi")
    (tmp_path / "empty.avi").write_bytes(b"")
    with pytest.raises(VideoError):
        frame_timestamps(tmp_path / "empty.avi")
    with pytest.raises(VideoError, match="No such file"):
        frame_timestamps(tmp_path / "none.avi")
    whole = make_video("whole.avi", 200).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VideoError, match=r"cut off: \d+ of 200 frames"):
        frame_timestamps(tmp_path / "cut.avi")


def test_an_unknown_codec_is_an_error(make_video):
    path = make_video("a.avi")
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"none"))
    with pytest.raises(VideoError, match="no decoder for its codec"):
        frame_timestamps(path)


def test_a_stream_that_breaks_off_before_a_wanted_frame_is_an_error(make_video):
    path = make_video(frames=50)
    assert levels(path, [1.96, 2.1]) == [49, 49]  # a frame or two past the end is the last one
    with pytest.raises(VideoError, match=r"breaks off at 1\.96 s, before the frame at 3\.00 s"):
        list(read_frames(path, [0.0, 3.0]))


def test_a_file_without_a_video_stream_is_refused(tmp_path):
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match="no video stream"):
        frame_timestamps(tmp_path / "sound.mkv")


def test_a_list_of_other_files_is_no_video(tmp_path, make_video):
    make_video("real.mp4")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile real.mp4\n")
    with av.open(str(tmp_path / "list.mp4")) as container:
        assert container.streams.video  # for FFmpeg it is one
    with pytest.raises(VideoError, match="none of the formats that are read: avi, mov, matroska"):
        frame_timestamps(tmp_path / "list.mp4")


def test_a_picture_is_no_video(tmp_path):
    Image.new("RGB", (64, 48)).save(tmp_path / "picture.mp4", format="png")
    with pytest.raises(VideoError, match="none of the formats"):
        frame_timestamps(tmp_path / "picture.mp4")


def test_a_name_is_the_name_of_a_file_whatever_is_in_it(make_video, monkeypatch, tmp_path):
    make_video("a.mp4")
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a.mp4|a.mp4", "subfile,,start,0,end,0,,:a.mp4", "http:a.mp4"):
        with pytest.raises(VideoError, match="No such file"):
            frame_timestamps(Path(name))
        (tmp_path / "a.mp4").rename(name)
        assert len(frame_timestamps(Path(name))) == 50
        Path(name).rename("a.mp4")


def test_the_cover_of_a_song_is_no_video(tmp_path):
    Image.new("RGB", (64, 48)).save(tmp_path / "cover.png")
    ffmpeg(tmp_path, "-i cover.png -f lavfi -i sine=d=1 -map 0 -map 1 -c:v copy -disposition:v attached_pic song.mp4")
    with pytest.raises(VideoError, match="no video stream"):
        frame_timestamps(tmp_path / "song.mp4")


BIG = "-f lavfi -i color=s=8200x8200 -frames:v 1 -c:v libx264 -preset ultrafast"


@pytest.mark.parametrize("name", ["big.mp4", "big.mkv"])
def test_frames_of_more_pixels_than_the_limit_are_refused(tmp_path, name):
    ffmpeg(tmp_path, f"{BIG} {name}")
    with pytest.raises(VideoError, match=r"its frames have (8200 x 8200 pixels|no known size).*; at most 67 million"):
        frame_timestamps(tmp_path / name)


def test_frames_that_grow_beyond_the_limit_are_refused(tmp_path, make_video):
    make_video("small.ts", 400)
    ffmpeg(tmp_path, f"{BIG} big.ts")
    ffmpeg(tmp_path, "-i concat:small.ts|big.ts -c copy grown.ts")
    with pytest.raises(VideoError):
        list(read_frames(tmp_path / "grown.ts", frame_timestamps(tmp_path / "grown.ts")))


def test_pixels_stretched_beyond_the_limit_are_refused(tmp_path):
    ffmpeg(tmp_path, "-f lavfi -i color=s=64x48 -frames:v 1 -vf setsar=2 -c:v mpeg4 wide.mp4")
    content = (tmp_path / "wide.mp4").read_bytes()
    aspect = b"pasp" + bytes([0, 0, 0, 2, 0, 0, 0, 1])
    assert content.count(aspect) == 1
    (tmp_path / "stretched.mp4").write_bytes(content.replace(aspect, b"pasp" + bytes([0, 0, 99, 2, 0, 0, 0, 1])))
    with pytest.raises(VideoError, match="64 x 48 pixels of aspect 25346; at most 67 million"):
        frame_timestamps(tmp_path / "stretched.mp4")


def test_frames_without_timestamps_are_shown_for_as_long_as_the_rate_says(tmp_path, make_video):
    make_video("a.mkv")
    ffmpeg(tmp_path, "-i a.mkv -c copy -output_ts_offset -1 -avoid_negative_ts disabled early.mkv")
    timestamps = frame_timestamps(tmp_path / "early.mkv")  # what is below 0 cannot be written in this format
    np.testing.assert_allclose(timestamps, np.arange(50) / 25, atol=1e-6)
    assert levels(tmp_path / "early.mkv", timestamps[[0, 20, 30, 49]]) == [0, 20, 30, 49]


@pytest.mark.clips
def test_every_real_clip_can_be_read_and_rates_differ(ucf101):
    rates = set()
    for path in sorted((ucf101 / "videos").rglob("*.avi"))[::20]:
        times = frame_timestamps(path)
        rates.add(round(1 / np.diff(times).mean(), 2))
        assert len(list(read_frames(path, times[::40]))) == len(times[::40])
    assert rates == {25.0, 29.97}


def test_the_packets_of_a_file_that_is_read_in_parts_are_read_once(make_video, monkeypatch):
    path, packets = make_video("parts.mkv", 100), read.read_packets
    count = []
    monkeypatch.setattr(read, "read_packets", lambda *a, **options: count.append(1) or packets(*a, **options))
    assert [levels(path, [second, second + 1.5]) for second in (0.0, 1.0, 2.0)] == [[0, 37], [25, 62], [50, 23]]
    assert len(count) == 1
    make_video("parts.mkv", 60)
    assert levels(path, [0.0, 2.0]) == [0, 50]
    assert len(count) == 2
