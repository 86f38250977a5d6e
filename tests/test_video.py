from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vidseq import video
from vidseq.errors import VideoError, VidseqError
from vidseq.video import Fit


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
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match="no video stream"):
        video.frame_times(tmp_path / "sound.mkv")


KINDS = {  # container, codec, options: with and without frames out of order, closed and open groups of pictures
    "a.avi": ("mpeg4", {"g": "12"}),
    "b.avi": ("mpeg4", {"g": "12", "bf": "2"}),
    "b.mp4": ("mpeg4", {"g": "12", "bf": "2"}),
    "h264.mp4": ("libx264", {"g": "30", "bf": "3"}),
    "h264.mkv": ("libx264", {"g": "30", "bf": "3"}),
    "h264.ts": ("libx264", {"g": "30", "bf": "3"}),
    "open.mp4": ("libx264", {"g": "30", "bf": "3", "x264-params": "open-gop=1"}),
    "refresh.mp4": ("libx264", {"x264-params": "intra-refresh=1:keyint=40"}),
}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Write a moving picture of 300 frames, 12 s, in one of the KINDS."""
    folder = tmp_path_factory.mktemp("film")
    room = np.random.default_rng(0).integers(0, 256, (10, 40, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)

    def make(name: str) -> Path:
        codec, options = KINDS[name]
        if codec not in av.codecs_available:
            pytest.skip(f"no {codec} here")
        with av.open(str(folder / name), "w") as container:
            stream = container.add_stream(codec, rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = 128, 80, "yuv420p"
            for i in range(300):
                image = np.ascontiguousarray(np.roll(room, 2 * i, 1)[:, :128])
                image[:10] = i % 256
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        return folder / name

    return make


def shown(path, times, sparing) -> list[tuple[int, int, bytes]]:
    found = video._shown(path, times, sparing)
    return [(frame.pts, count, frame.to_ndarray(format="rgb24").tobytes()) for frame, count in found]


@pytest.mark.parametrize("name", KINDS)
def test_what_is_not_decoded_changes_neither_frames_nor_pixels(film, name):
    path = film(name)
    times = video.frame_times(path)
    for wanted in (times[::6], times[::60], times[[3]], times[[-1]], times[[100, 101, 250]], times[::47] + 0.013):
        sparing = shown(path, wanted.tolist(), True)
        assert sparing == shown(path, wanted.tolist(), False)
        assert sum(count for _, count, _ in sparing) == len(wanted)


@pytest.mark.parametrize("name", ["a.avi", "b.mp4", "h264.mp4"])
def test_long_gaps_are_not_even_read(film, name):
    path = film(name)
    all_times = video.frame_times(path)
    times, within = all_times[[0, 290]].tolist(), all_times[[125]].tolist()
    whole, lost = shown(path, times, True), shown(path, within, False)
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.pos]
    content = bytearray(path.read_bytes())
    content[places[120] : places[140]] = bytes(places[140] - places[120])
    path.write_bytes(content)
    try:
        assert shown(path, within, False) != lost
    except VideoError as error:
        assert str(error)  # noqa: PT017 (the gap is damaged so much that it cannot be decoded)
    assert shown(path, times, True) == whole


@pytest.mark.parametrize(
    ("size", "fit"),
    [
        ((320, 240), Fit(256, 224, "bicubic")),
        ((240, 426), Fit(256, 224, "bicubic")),
        ((1280, 720), Fit(256, 224, "bicubic")),
        ((64, 48), Fit(48, 48, "bicubic")),
        ((320, 240), Fit(248, 224, "bilinear")),
        ((640, 360), Fit(235, 224, "lanczos")),
    ],
)
def test_inputs_are_resized_and_cropped_as_pillow_does(tmp_path, size, fit):
    blocks = np.random.default_rng(0).integers(0, 256, (size[1] // 8 + 1, size[0] // 8 + 1, 3)).astype(np.uint8)
    picture = np.asarray(Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC))
    video.encode(tmp_path / "a.avi", [picture] * 3, 25)
    (frame_HW3,), (ours_3SS,) = (
        read(tmp_path / "a.avi", [0.04], *more) for read, more in ((video.read_frames, ()), (video.read_inputs, (fit,)))
    )
    wide, high = (int(fit.short * side / min(size)) for side in size)
    theirs = Image.fromarray(frame_HW3).resize((wide, high), Image.Resampling[fit.interpolation.upper()])
    left, top = round((wide - fit.size) / 2), round((high - fit.size) / 2)
    theirs_SS3 = np.asarray(theirs.crop((left, top, left + fit.size, top + fit.size)))
    assert ours_3SS.shape == (3, fit.size, fit.size)
    difference = np.abs(ours_3SS.transpose(1, 2, 0).astype(int) - theirs_SS3)
    assert difference.max() <= 3
    assert difference.mean() < 0.05


@pytest.mark.parametrize("tags", [(2, 0), (1, 1), (1, 2), (9, 1)])  # the film's colours and range as FFmpeg counts them
def test_inputs_have_the_colours_of_the_frames(tmp_path, tags):
    if "libx264" not in av.codecs_available:
        pytest.skip("no libx264 here")
    blocks = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).repeat(14, 0).repeat(14, 1).astype(np.uint8)
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 224, 224, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = tags
        container.mux(stream.encode(av.VideoFrame.from_ndarray(blocks, format="rgb24")))
        container.mux(stream.encode())
    ((frame_HW3,), (input_3SS,)) = (
        list(video.read_frames(tmp_path / "a.mp4", [0.0])),
        list(video.read_inputs(tmp_path / "a.mp4", [0.0], Fit(224, 224, "bicubic"))),
    )
    assert np.abs(input_3SS.transpose(1, 2, 0).astype(int) - frame_HW3).max() <= 2


def test_an_input_is_repeated_where_its_frame_is(make_video):
    inputs = list(video.read_inputs(make_video(), [0.0, 0.4, 0.4, 0.8], Fit(48, 48, "bicubic")))
    assert [round(float(frame.mean()) / 4) for frame in inputs] == [0, 10, 10, 20]


def test_an_unknown_interpolation_is_named(make_video):
    with pytest.raises(VidseqError, match="no resizing by 'random' here, only bicubic"):
        list(video.read_inputs(make_video(), [0.0], Fit(48, 48, "random")))


@pytest.mark.clips
def test_every_real_clip_can_be_read_and_rates_differ(ucf101):
    rates = set()
    for path in sorted((ucf101 / "videos").rglob("*.avi"))[::20]:
        times = video.frame_times(path)
        rates.add(round(1 / np.diff(times).mean(), 2))
        assert len(list(video.read_frames(path, times[::40]))) == len(times[::40])
    assert rates == {25.0, 29.97}
