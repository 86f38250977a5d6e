import socket
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import numpy as np
import pytest
from ffmpeg import ffmpeg

from vidseq.errors import VideoError
from vidseq.inference.video_model import Prediction
from vidseq.inference.watch import AlarmRule, Decision, Event, Saving, watch
from vidseq.video import capture
from vidseq.video.read import frame_timestamps

RULE = AlarmRule({"A": 0.5}, hold=2)


class Encoder:
    diff_seconds = 0.25

    def __call__(self, frame, before) -> np.ndarray:
        return np.zeros(1)


class Model:
    """Sees class A at the times (s) of each stretch of `seen`."""

    def __init__(self, *seen: tuple[float, float]):
        self.seen = seen
        self.model = SimpleNamespace(config={"frames": {"strategy": "fps", "fps": 2.0}})

    def step_encoder(self) -> Encoder:
        return Encoder()

    def live_stream(self, window: float | None) -> SimpleNamespace:
        return SimpleNamespace(push=lambda seconds, _: ([seconds], seconds))

    def prediction(self, times: list[float], seconds: float) -> Prediction:
        return Prediction("A", {"A": float(any(begin <= seconds <= end for begin, end in self.seen))}, times)


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Six seconds with a keyframe each second."""
    folder = tmp_path_factory.mktemp("film")
    ffmpeg(folder, "-f lavfi -i testsrc=size=64x64:rate=10:duration=6 -c:v mpeg4 -g 10 -bf 0 film.ts")
    return folder / "film.ts"


@pytest.fixture
def lost(film, monkeypatch) -> str:
    """A URL that is a film once, and then gone."""
    monkeypatch.setattr(capture, "WAITS_S", (0.05,))
    monkeypatch.setattr(capture, "WAITING", 100)  # it comes at once

    def serve():
        with server, server.accept()[0] as connection:
            connection.sendall(film.read_bytes())

    server = socket.create_server(("127.0.0.1", 0))
    Thread(target=serve, daemon=True).start()
    return f"tcp://127.0.0.1:{server.getsockname()[1]}"


def events(items) -> list[Event]:
    return [item for item in items if isinstance(item, Event)]


def test_the_events_of_a_source_that_is_lost_are_reported(lost, tmp_path):
    items, found = watch(lost, Model((1.0, 2.0), (4.5, 9.0)), RULE, saving=Saving(tmp_path, 5.0)), []
    with pytest.raises(VideoError, match="attempts to connect again failed"):
        found.extend(items)
    over, running = events(found)
    assert (over.start, over.end, running.start, running.end) == pytest.approx((1.2, 1.7, 4.7, 5.7))
    assert [len(frame_timestamps(event.clip)) for event in (over, running)] == [60, 60]


@pytest.mark.parametrize("within", [True, False])
def test_an_interrupt_within_a_decision_or_between_two_reports_the_events_that_are_open(film, tmp_path, within):
    def interrupted(*_) -> None:
        raise KeyboardInterrupt

    model, found = Model((0.0, 1.0), (2.0, 9.0)), []
    items = watch(str(film), model, RULE, saving=Saving(tmp_path, 5.0))
    while len(found) < 7:
        found.append(next(items))
    if within:
        model.prediction = interrupted
    else:
        found.append(items.throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        found.extend(items)
    over, running = events(found)
    assert (over.end, running.start, running.end) == pytest.approx((0.7, 2.2, 3.2))
    assert all(len(frame_timestamps(event.clip)) > 30 for event in (over, running))


def test_what_an_earlier_run_has_saved_stays(film, tmp_path):
    (tmp_path / "0041.mkv").write_text("evidence")
    (tmp_path / "notes.mkv").touch()
    for _ in range(2):
        found = events(watch(str(film), Model((1.0, 2.0), (4.0, 5.0)), RULE, saving=Saving(tmp_path, 0.5)))
        assert len(found) == 2
    assert [event.clip.name for event in found] == ["0044.mkv", "0045.mkv"]
    assert sorted(path.name for path in tmp_path.glob("00*")) == [f"00{number}.mkv" for number in range(41, 46)]
    assert (tmp_path / "0041.mkv").read_text() == "evidence"


def test_an_event_whose_file_cannot_be_written_is_reported_without_it(film, tmp_path, capsys):
    (tmp_path / "file").touch()
    found = list(watch(str(film), Model((1.0, 2.0)), RULE, saving=Saving(tmp_path / "file", 0.5)))
    assert sum(isinstance(item, Decision) for item in found) == 12
    [event] = events(found)
    assert event.clip is None
    [line] = capsys.readouterr().err.splitlines()
    assert line == f"error: no clip of A at 1.20 s: {tmp_path / 'file'}: File exists"
