from pathlib import Path

import av
import numpy as np
import pytest

from vidseq.errors import VideoError
from vidseq.video import read
from vidseq.video.packets import decode_chosen, plan_seeks, read_packets, shown_frames
from vidseq.video.read import decode_frames, frame_timestamps


def test_the_frame_on_display_is_the_last_that_has_begun():
    times = [0.0, 0.039, 0.04, 0.4, 1.93]
    assert shown_frames(np.arange(50) / 25, times).tolist() == [0, 0, 1, 10, 48]
    uneven = np.array([0.0, 0.01, 0.02, 1.0, 3.0, 3.01])
    assert shown_frames(uneven, uneven).tolist() == [0, 1, 2, 3, 4, 5]
    assert shown_frames(uneven, [0.5, 0.99, 1.02, 2.9, 3.005]).tolist() == [2, 2, 3, 3, 4]


@pytest.mark.parametrize("rate", [24, 25, 30000 / 1001, 60])
def test_a_frame_is_found_by_its_own_time_whatever_the_rounding(rate):
    timestamps = np.arange(1000) / rate
    for error in (-1e-7, 0, 1e-7):
        assert shown_frames(timestamps, timestamps + error).tolist() == list(range(1000))


def test_of_frames_with_equal_timestamps_the_last_is_on_display():
    assert shown_frames(np.array([0.0, 0.04, 0.04, 0.04, 0.08]), [0.04, 0.08]).tolist() == [3, 4]


def test_outside_the_video_its_first_and_last_frame_are_on_display():
    assert shown_frames(np.arange(3) / 25, [-1.0, 0.08, 0.1, 9.0]).tolist() == [0, 2, 2, 2]
    assert shown_frames(np.array([0.0]), [0.0, 0.0, 5.0]).tolist() == [0, 0, 0]


def test_seeks_go_over_long_gaps_to_the_last_keyframe_before():
    pts = np.arange(0, 2000, 10)  # a keyframe every 50 frames
    is_key = np.arange(200) % 50 == 0
    assert plan_seeks(pts, is_key, [20, 70, 600, 1990]) == [(0, [20, 70]), (500, [600]), (1500, [1990])]
    assert plan_seeks(pts, is_key, [1990]) == [(1500, [1990])]
    assert plan_seeks(pts, is_key, [350, 510]) == [(0, [350, 510])]  # a seek would skip no more than a few frames


def test_a_frame_shown_before_its_keyframe_is_decoded_from_the_one_before():
    pts = np.array([0, 10, 20, 50, 30, 40, 60])  # an open group of pictures: 30 and 40 come after the keyframe 50
    is_key = np.array([True, False, False, True, False, False, False])
    assert plan_seeks(pts, is_key, [40]) == [(0, [40])]
    assert plan_seeks(pts, is_key, [60]) == [(50, [60])]


def test_without_a_keyframe_before_there_is_no_plan():
    assert plan_seeks(np.array([0, 10, 20]), np.array([False, True, False]), [0, 20]) == []


KINDS = {  # container, codec, options: with and without frames out of order, closed and open groups of pictures
    "a.avi": ("mpeg4", {"g": "12"}),
    "b.avi": ("mpeg4", {"g": "12", "bf": "2"}),
    "b.mp4": ("mpeg4", {"g": "12", "bf": "2"}),
    "a.ts": ("mpeg4", {"g": "12"}),  # this one does not tell its rate
    "h264.avi": ("libx264", {"g": "30", "bf": "0"}),
    "h264.mp4": ("libx264", {"g": "30", "bf": "3"}),
    "h264.mkv": ("libx264", {"g": "30", "bf": "3"}),
    "h264.ts": ("libx264", {"g": "30", "bf": "3"}),
    "open.mp4": ("libx264", {"g": "30", "bf": "3", "x264-params": "open-gop=1"}),
    "refresh.mp4": ("libx264", {"x264-params": "intra-refresh=1:keyint=40"}),
}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Write a video of a moving pattern in one of the KINDS, its first `hidden` frames not to be shown."""
    folder = tmp_path_factory.mktemp("film")
    room = np.random.default_rng(0).integers(0, 256, (10, 40, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)

    def make(name: str, frames: int = 300, hidden: int = 0) -> Path:
        codec, options = KINDS[name]
        if codec not in av.codecs_available:
            pytest.skip(f"no {codec} here")
        path = folder / f"{frames}-{hidden}-{name}"
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = 128, 80, "yuv420p"
            for i in [*range(frames), None]:
                frame = None
                if i is not None:
                    image = np.ascontiguousarray(np.roll(room, 2 * i, 1)[:, :128])
                    image[:10] = i % 256
                    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                for packet in stream.encode(frame):
                    packet.pts, packet.dts = packet.pts - hidden, packet.dts - hidden
                    container.mux(packet)
        return path

    return make


def listed(decoded) -> list[tuple[int, int, bytes]]:
    return [(frame.pts, count, frame.to_ndarray(format="rgb24").tobytes()) for frame, count in decoded]


def shown(path, times) -> list[tuple[int, int, bytes]]:
    return listed(decode_frames(path, times))


def shown_when_all_is_decoded(path, times) -> list[tuple[int, int, bytes]]:
    with read._open(path) as (container, stream):
        return listed(read._decode_all(container, stream, times))


@pytest.mark.parametrize("name", KINDS)
def test_what_is_not_decoded_changes_neither_frames_nor_pixels(film, name):
    path = film(name)
    times = frame_timestamps(path)
    for wanted in (times[::6], times[::60], times[[3]], times[[-1]], times[[100, 101, 250]], times[::47] + 0.013):
        found = shown(path, wanted.tolist())
        assert found == shown_when_all_is_decoded(path, wanted.tolist())
        assert sum(count for _, count, _ in found) == len(wanted)


@pytest.mark.parametrize("name", ["b.mp4", "h264.mp4", "h264.mkv", "open.mp4"])
def test_frames_that_no_wanted_one_depends_on_are_not_decoded(film, name):
    path = film(name)
    times = frame_timestamps(path)[::6]
    with read._open(path) as (container, stream):
        packets = read_packets(container, stream, by_index=True)
        assert sum(count for _, count in decode_chosen(container, stream, packets, times)) == len(times)
        assert stream.codec_context.skip_frame == "NONREF"


@pytest.mark.parametrize("name", KINDS)
def test_the_nth_timestamp_is_that_of_the_nth_frame(film, name):
    path = film(name)
    with av.open(str(path)) as container:
        pixels = [frame.to_ndarray(format="rgb24").tobytes() for frame in container.decode(video=0)]
    times = frame_timestamps(path)
    assert len(times) == len(pixels)
    indices = [0, 7, 100, 299]
    assert [image for _, _, image in shown(path, times[indices])] == [pixels[index] for index in indices]


@pytest.mark.parametrize("name", ["a.avi", "b.mp4", "h264.mp4"])
def test_long_gaps_are_not_even_read(film, name):
    path = film(name)
    all_times = frame_timestamps(path)
    times, within = all_times[[0, 290]].tolist(), all_times[[125]].tolist()
    whole, lost = shown(path, times), shown_when_all_is_decoded(path, within)
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.pos]
    content = bytearray(path.read_bytes())
    content[places[120] : places[140]] = bytes(places[140] - places[120])
    path.write_bytes(content)
    try:
        assert shown_when_all_is_decoded(path, within) != lost
    except VideoError as error:
        assert str(error)  # noqa: PT017 (the gap is damaged so much that it cannot be decoded)
    assert shown(path, times) == whole


@pytest.mark.parametrize("hidden", [10, 30])  # within the first group of pictures, and past it
def test_of_a_trimmed_video_the_rest_is_read(film, hidden):
    whole, trimmed = film("h264.mp4", 60), film("h264.mp4", 60, hidden)
    timestamps = frame_timestamps(trimmed)
    np.testing.assert_allclose(timestamps, np.arange(60 - hidden) / 25)
    expected = [image for _, _, image in shown(whole, frame_timestamps(whole)[hidden:])]
    assert [image for _, _, image in shown(trimmed, timestamps)] == expected
