import io
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import av
import numpy as np
import pytest
from ffmpeg import ffmpeg
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from vidseq.errors import VideoError
from vidseq.video import capture
from vidseq.video.capture import Capture, Reconnected, Step
from vidseq.video.read import frame_timestamps, stream_frames
from vidseq.video.recorder import Recorder
from vidseq.video.sampling import sample_stream


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Six seconds in which every frame is another, with a keyframe each second."""
    folder = tmp_path_factory.mktemp("film")
    ffmpeg(folder, "-f lavfi -i testsrc=size=64x64:rate=10:duration=6 -c:v mpeg4 -g 10 -bf 0 film.ts")
    return folder / "film.ts"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(capture, "WAITS_S", (0.05, 0.05))
    monkeypatch.setattr(capture, "STALL_S", 1.0)


@contextmanager
def served(answers: list[bytes | None], keep: bool = False):
    """Serve each connection the next answer and close it, unless they are kept; None keeps it open without a word."""
    server = socket.create_server(("127.0.0.1", 0))
    kept = []

    def serve():
        for answer in answers:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            if answer is None:
                kept.append(connection)
                continue
            with suppress(OSError):  # the client may have had enough
                connection.sendall(answer)
            if keep:
                kept.append(connection)
            else:
                connection.close()

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()
        for connection in kept:
            connection.close()


def steps_of(source: str, **options) -> list[Step | Reconnected]:
    return list(Capture(source, 2.0, 0.25, **options).steps())


def expected(path: Path) -> list[tuple[float, np.ndarray, np.ndarray]]:
    sampled = sample_stream(stream_frames(path), 2.0, 0.25)
    return [(seconds, *(image.to_ndarray(format="rgb24") for image in images)) for seconds, *images in sampled]


def check(steps: list[Step], path: Path) -> None:
    for step, (seconds, frame, before) in zip(steps, expected(path), strict=True):
        assert step.seconds == pytest.approx(seconds)
        np.testing.assert_array_equal(step.frame.to_ndarray(format="rgb24"), frame)
        np.testing.assert_array_equal(step.before.to_ndarray(format="rgb24"), before)


def test_a_file_is_sampled_as_a_clip_is_and_waits_for_a_slow_reader(film):
    steps = []
    for step in Capture(str(film), 2.0, 0.25).steps():
        time.sleep(0.02)
        steps.append(step)
    check(steps, film)
    assert steps[-1].dropped == 0


def test_standard_input(film):
    code = (
        "from vidseq.video.capture import Capture\n"
        "print([round(step.seconds, 3) for step in Capture('-', 2.0, 0.25).steps()])"
    )
    done = subprocess.run([sys.executable, "-c", code], input=film.read_bytes(), capture_output=True, check=True)
    assert done.stdout.decode().strip() == str([round(seconds, 3) for seconds, _, _ in expected(film)])


def test_a_stream_that_breaks_is_connected_to_again_and_reported(film, monkeypatch):
    monkeypatch.setattr(capture, "WAITING", 100)  # it comes at once
    content = film.read_bytes()
    with served([content, b"garbage" * 1000, content, b"", b"", b""]) as url:
        found, stream = [], Capture(url, 2.0, 0.25)
        with pytest.raises(VideoError, match="and 2 attempts to connect again failed"):
            found += stream.steps()
    border = next(index for index, item in enumerate(found) if isinstance(item, Reconnected))
    assert len(found) == 2 * border + 1
    check(found[:border], film)
    check(found[border + 1 :], film)
    assert "Invalid data" in found[border].reason


def test_a_stream_that_stalls_is_given_up(film):
    began = time.monotonic()
    with served([film.read_bytes(), None, None, None]) as url, pytest.raises(VideoError, match="nothing came for 1 s"):
        steps_of(url)
    assert time.monotonic() - began < 20


def test_garbage_alone_ends_with_its_reason():
    with served([b"garbage" * 5000] * 3) as url, pytest.raises(VideoError, match="Invalid data"):
        steps_of(url)


def test_of_a_stream_that_is_too_fast_the_oldest_waiting_step_is_dropped_and_counted(film):
    with served([film.read_bytes()]) as url:
        stream = Capture(url, 2.0, 0.25)
        steps = stream.steps()
        taken = [next(steps)]
        time.sleep(1.0)  # all others have come meanwhile
        with pytest.raises(VideoError):
            taken += steps
    last = [step.seconds for step in taken[-capture.WAITING :]]  # the first may have been dropped before it was taken
    assert last == [seconds for seconds, _, _ in expected(film)][-capture.WAITING :]
    assert len(taken) <= capture.WAITING + 1
    assert taken[-1].dropped == len(expected(film)) - len(taken)


def test_a_camera_that_sends_pictures_without_times_is_timed_by_their_arrival():
    def pictures():
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")
            for number in range(23):  # FFmpeg takes the first three to see what they are
                picture = io.BytesIO()
                Image.new("RGB", (64, 64), (10 * number,) * 3).save(picture, "JPEG")
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {picture.tell()}\r\n\r\n"
                connection.sendall(head.encode() + picture.getvalue() + b"\r\n")
                time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=pictures, daemon=True).start()
        steps = Capture(f"http://127.0.0.1:{server.getsockname()[1]}", 2.0, 0.25).steps()
        times = [next(steps).seconds for _ in range(4)]  # 25 frames per second would be two steps in all
        steps.close()
    np.testing.assert_allclose(times, [0.25, 0.75, 1.25, 1.75], atol=0.25)


def test_rtp_is_received(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        url = f"rtp://127.0.0.1:{free.getsockname()[1]}"
    film = "-f lavfi -i testsrc=size=64x64:rate=10 -c:v mpeg2video -g 5 -f rtp_mpegts"
    command = [get_ffmpeg_exe(), "-loglevel", "error", "-re", *film.split(), url]
    with subprocess.Popen(command) as sender:
        steps = Capture(url, 2.0, 0.25).steps()
        try:
            assert next(steps).seconds == pytest.approx(0.2)
        finally:
            sender.kill()
            steps.close()


def test_a_stream_that_fails_can_be_recorded_as_long_as_its_steps_wait(film, tmp_path, monkeypatch):
    monkeypatch.setattr(capture, "STALL_S", 0.2)
    monkeypatch.setattr(capture, "WAITING", 100)
    recorder, seen = Recorder(held_s=10.0), 0
    with served([film.read_bytes()], keep=True) as url, suppress(VideoError):
        for _ in Capture(url, 2.0, 0.25, recorder=recorder).steps():
            seen += 1
            if seen == 1:
                time.sleep(1.0)  # the connection is given up meanwhile
            if seen == 5:
                recording = recorder.begin(tmp_path / "1.mkv", since=0.0)
    assert (recording.error, recording.closed) == ("", True)
    assert len(frame_timestamps(recording.path)) == 60


def test_who_stops_does_not_wait_for_a_stream_that_is_silent_and_keeps_what_was_recorded(film, tmp_path, monkeypatch):
    monkeypatch.setattr(capture, "STALL_S", 10.0)
    recorder = Recorder(held_s=10.0)
    with served([film.read_bytes()], keep=True) as url:
        steps = Capture(url, 2.0, 0.25, recorder=recorder).steps()
        next(steps)
        recording = recorder.begin(tmp_path / "1.mkv", since=0.0)
        time.sleep(0.3)  # all that comes has come
        began = time.monotonic()
        steps.close()
    assert time.monotonic() - began < 3
    assert recording.closed
    assert len(frame_timestamps(recording.path)) >= 55  # the last ones are still in FFmpeg's hands


@pytest.mark.parametrize("source", ["ftp://127.0.0.1/a.mp4", "concat://a|b", "data://text"])
def test_other_addresses_are_refused(source):
    with pytest.raises(VideoError, match="cannot be watched, only rtsp"):
        Capture(source, 2.0, 0.25)


def test_a_list_of_other_files_is_not_followed(film, tmp_path):
    (tmp_path / "list.ffconcat").write_text(f"ffconcat version 1.0\nfile {film}\n")
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:6,\n{film}\n#EXT-X-ENDLIST\n")
    for name in ("list.ffconcat", "list.m3u8"):
        with pytest.raises(VideoError):
            steps_of(str(tmp_path / name))
        with served([(tmp_path / name).read_bytes()] * 3) as url, pytest.raises(VideoError):
            steps_of(url)


def test_a_recording_is_the_packets_from_the_keyframe_before_to_the_end(film, tmp_path):
    recorder, out = Recorder(held_s=1.0), tmp_path / "clips" / "1.mkv"
    for step in Capture(str(film), 2.0, 0.25, recorder=recorder).steps():
        if step.seconds == pytest.approx(3.2):
            recording = recorder.begin(out, since=2.5)
        if step.seconds == pytest.approx(4.2):
            recorder.end(recording, until=4.5)
    assert recording.closed
    assert len(frame_timestamps(out)) == sum(1.99 <= seconds <= 4.51 for seconds, _ in stream_frames(film))
    wanted = next(frame for seconds, frame in stream_frames(film) if seconds >= 1.99)
    [(_, frame), *_] = stream_frames(out)
    np.testing.assert_array_equal(frame.to_ndarray(format="rgb24"), wanted.to_ndarray(format="rgb24"))


def test_a_recording_that_nobody_ends_ends_with_the_stream(film, tmp_path):
    recorder = Recorder(held_s=1.0)
    for step in Capture(str(film), 2.0, 0.25, recorder=recorder).steps():
        if step.seconds == pytest.approx(5.7):
            recording = recorder.begin(tmp_path / "1.mkv", since=5.5)
    assert recording.closed
    assert len(frame_timestamps(recording.path)) == 10


def test_only_the_last_seconds_are_held(tmp_path):
    recorder = Recorder(held_s=1.0)
    ffmpeg(tmp_path, "-f lavfi -i testsrc=size=64x64:rate=10:duration=60 -c:v mpeg4 -g 10 -bf 0 long.ts")
    with av.open(str(tmp_path / "long.ts")) as container:
        for packet in container.demux(video=0):
            if packet.size:
                recorder.add(packet, packet.stream, None)
    held_s = recorder.packets[-1][0] - recorder.packets[0][0]
    assert 11.0 <= held_s <= 12.1
