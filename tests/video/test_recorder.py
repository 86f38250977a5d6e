import resource
from contextlib import contextmanager
from pathlib import Path

import av
import pytest
from ffmpeg import ffmpeg

from vidseq.video import recorder as module
from vidseq.video.capture import Capture
from vidseq.video.read import frame_timestamps
from vidseq.video.recorder import Recorder, Recording


@contextmanager
def full_disk(size: int):
    """No file may grow beyond `size` bytes, as though the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Six seconds with a keyframe each second."""
    folder = tmp_path_factory.mktemp("film")
    ffmpeg(folder, "-f lavfi -i testsrc=size=320x240:rate=10:duration=6 -c:v mpeg4 -q:v 2 -g 10 -bf 0 film.ts")
    return folder / "film.ts"


def record(source: Path, *files: tuple[Path, float]) -> tuple[list[float], list[Recording]]:
    """Watch a file; begin each of these files at a step, and end none. Returns the times of the steps, too."""
    recorder, times, recordings, begins = Recorder(held_s=5.0), [], [], list(files)
    for step in Capture(str(source), 2.0, 0.25, recorder=recorder).steps():
        times.append(step.seconds)
        for recording in recordings:
            recorder.extend(recording, step.seconds)
        if begins and step.seconds >= begins[0][1]:
            path, since = begins.pop(0)
            recordings.append(recorder.begin(path, since))
    return times, recordings


def frames(path: Path) -> int:
    return len(frame_timestamps(path))


def test_a_full_disk_costs_the_file_and_nothing_else(film, tmp_path):
    with full_disk(60_000):
        times, [large, small] = record(film, (tmp_path / "1.mkv", 0.0), (tmp_path / "2.mkv", 5.0))
    assert len(times) == 12
    assert large.error == f"{tmp_path / '1.mkv'}: File too large"
    assert (small.error, frames(small.path)) == ("", 10)


def test_what_matroska_does_not_take_and_what_has_no_times_are_reasons(tmp_path):
    for name, codec, reason in (
        ("film.wmv", "wmv2", "'matroska' format does not support 'wmv2' codec"),
        ("film.h264", "libx264", "no keyframe that has a time is held"),
    ):
        ffmpeg(tmp_path, f"-f lavfi -i testsrc=size=64x64:rate=10:duration=2 -c:v {codec} {name}")
        out = tmp_path / "1.mkv"
        times, [recording] = record(tmp_path / name, (out, 0.5))
        assert times
        assert (recording.error, recording.closed) == (f"{out}: {reason}", True)
        assert not out.exists()


def test_a_clock_that_is_set_back_ends_a_file_and_the_next_one_is_as_long_as_it_should(film, tmp_path):
    (tmp_path / "twice.ts").write_bytes(film.read_bytes() * 2)
    times, [across, after] = record(tmp_path / "twice.ts", (tmp_path / "1.mkv", 4.0), (tmp_path / "2.mkv", 10.0))
    assert times[-1] > 11
    assert (across.error, after.error) == ("", "")
    assert 19 <= frames(across.path) <= 20
    assert 10 <= frames(after.path) <= 20


def test_no_file_is_written_over(film, tmp_path):
    (tmp_path / "1.mkv").write_text("evidence")
    _, [recording] = record(film, (tmp_path / "1.mkv", 1.0))
    assert recording.error == f"{tmp_path / '1.mkv'}: File exists"
    assert (tmp_path / "1.mkv").read_text() == "evidence"


def test_a_file_of_a_stream_that_has_ended_is_a_reason(tmp_path):
    recorder = Recorder(held_s=1.0)
    recorder.close()
    assert recorder.begin(tmp_path / "1.mkv", 0.0).error.endswith("1.mkv: no keyframe that has a time is held")


def test_what_is_held_between_keyframes_that_are_far_apart_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HELD_BYTES", 20_000)
    ffmpeg(tmp_path, "-f lavfi -i testsrc=size=64x64:rate=10:duration=100 -c:v libx264 -g 600 -keyint_min 600 long.ts")
    recorder = Recorder(held_s=1.0)
    recordings, largest = [], 0
    with av.open(str(tmp_path / "long.ts")) as container:
        for number, packet in enumerate(packet for packet in container.demux(video=0) if packet.size):
            recorder.add(packet, packet.stream, 0.0)
            largest = max(largest, sum(held.size for _, held in recorder.packets))
            if number in (0, 590, 610):
                recordings.append(recorder.begin(tmp_path / f"{number}.mkv", since=number / 10 - 5))
            for recording in recordings:
                recorder.extend(recording, 1000.0)
    recorder.close()
    assert largest <= 20_000
    errors = [recording.error for recording in recordings]
    assert errors == ["", f"{tmp_path / '590.mkv'}: no keyframe that has a time is held", ""]
    assert (frames(tmp_path / "0.mkv"), frames(tmp_path / "610.mkv")) == (1000, 400)


def test_a_file_none_of_whose_packets_is_held_any_more_is_a_reason(film, tmp_path):
    recorder, out = Recorder(held_s=5.0), tmp_path / "1.mkv"
    with av.open(str(film)) as container:
        for packet in container.demux(video=0):
            if packet.size:
                recorder.add(packet, packet.stream, 0.0)
        recording = recorder.begin(out, since=-1.0)
    recorder.end(recording, until=-0.5)
    assert recording.error == f"{out}: none of its packets is held"
    assert not out.exists()
