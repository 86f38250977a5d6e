"""The server answers what the models say, refuses what it must, and leaves nothing behind."""

import hashlib
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import httpx
import pytest
import uvicorn

from vidseq.errors import VideoError
from vidseq.inference import serve_guard
from vidseq.inference.serve import make_app, upload_folder
from vidseq.inference.serve_guard import Protocol
from vidseq.inference.serve_model import Stopped, stoppable

LIMIT = 100_000  # bytes


class Digests:
    """Says of a file what its digest is; one whose content is b"wait" takes until its client is gone."""

    default = "a"

    def __init__(self) -> None:
        self.models = {"a": SimpleNamespace(model=SimpleNamespace(classes=["A", "B"]))}
        self.begun, self.stopped = Event(), Event()

    def predict(self, path: Path, name: str, details: bool, stopped: Event) -> dict:
        content = path.read_bytes()
        if content == b"wait":
            self.begun.set()
            assert stopped.wait(20)
            self.stopped.set()
            raise Stopped
        if content == b"bad":
            raise VideoError("it is bad")
        time.sleep(0.02)
        return {"digest": hashlib.sha256(content).hexdigest()}


@contextmanager
def running(app):
    config = uvicorn.Config(app, port=0, http=Protocol, ws="none", log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server with two places, patient for half a second, its stub of a predictor, and the folder of uploads."""
    monkeypatch.setattr(serve_guard, "PAUSE_S", 0.5)
    uploads, predictor = tmp_path / "uploads", Digests()
    uploads.mkdir()
    app = make_app(predictor, tmp_path, uploads, LIMIT, places=2, names=["known.example"])
    with running(app) as port:
        yield SimpleNamespace(port=port, url=f"http://127.0.0.1:{port}", uploads=uploads, predictor=predictor)
    assert list(uploads.iterdir()) == []


def post(server, content: bytes, **form) -> httpx.Response:
    return httpx.post(f"{server.url}/predict", files={"video": content}, data=form, timeout=30)


def test_each_of_16_clients_gets_its_own_answer_or_a_429_and_then_succeeds(server):
    def client(number: int) -> list[int]:
        statuses = []
        for turn in range(3):
            content = f"{number} {turn}".encode()
            while (response := post(server, content)).status_code == 429:
                assert int(response.headers["retry-after"]) > 0
                statuses.append(429)
                time.sleep(0.05)
            assert response.json() == {"digest": hashlib.sha256(content).hexdigest()}
            statuses.append(response.status_code)
        return statuses

    with ThreadPoolExecutor(16) as clients:
        statuses = [status for of_client in clients.map(client, range(16)) for status in of_client]
    assert statuses.count(200) == 16 * 3
    assert set(statuses) == {200, 429}


def test_a_client_that_goes_away_stops_its_work_and_frees_its_place(server):
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/predict", files={"video": b"wait"}, timeout=0.5)
    assert server.predictor.begun.is_set()
    assert server.predictor.stopped.wait(5)
    assert [post(server, b"x").status_code for _ in range(3)] == [200] * 3


def test_what_is_wrong_is_said_and_deleted(server):
    assert post(server, b"bad").json() == {"detail": "the video cannot be used: it is bad"}
    assert post(server, b"bad").status_code == 422
    assert post(server, b"x", model="b").status_code == 404
    assert httpx.post(f"{server.url}/predict", data={"model": "a"}).status_code == 422
    assert list(server.uploads.iterdir()) == []


def test_large_uploads_are_refused_whether_or_not_they_say_how_large(server):
    assert post(server, bytes(2 * LIMIT)).status_code == 413

    def chunks():
        yield b'--x\r\nContent-Disposition: form-data; name="video"; filename="v"\r\n\r\n'
        for _ in range(40):
            yield bytes(10_000)

    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert httpx.post(f"{server.url}/predict", content=chunks(), headers=headers).status_code == 413
    assert [post(server, b"x").status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("head", [True, False], ids=["head", "body"])
def test_a_client_that_sends_slowly_is_cut_off(server, head):
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.settimeout(10)
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\n")
        if not head:
            client.sendall(b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000\r\n\r\n--x\r\n")
        begun, answer = time.monotonic(), b""
        while received := client.recv(1000):
            answer += received
        assert time.monotonic() - begun < 5
    assert answer.startswith(b"" if head else b"HTTP/1.1 408")
    assert [post(server, b"x").status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "known.example"}, 200),
        ({"Host": "[::1]:8000"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Host": "localhost:8000", "Origin": "http://localhost:8000"}, 200),
        ({"Host": "localhost:8000", "Origin": "http://localhost:8001"}, 403),
    ],
)
def test_no_other_sites_page_can_use_it(server, headers, status):
    response = httpx.get(f"{server.url}/models", headers=headers)
    assert response.status_code == status
    assert response.headers["cross-origin-resource-policy"] == "same-origin"


def test_uploads_of_a_server_that_was_killed_are_removed_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = (
        "import os, signal, tempfile, pathlib\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        "from vidseq.inference.serve import upload_folder\n"
        "with upload_folder() as folder:\n"
        "    (folder / 'video').write_bytes(b'x')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list(tmp_path.rglob("video"))) == 1
    with upload_folder() as first, upload_folder() as second:
        assert list(tmp_path.rglob("video")) == []
        assert first.is_dir()
        assert second.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_an_engine_takes_no_more_images_when_the_client_is_gone():
    stopped, taken = Event(), []

    def images():
        for number in range(5):
            taken.append(number)
            if number == 2:
                stopped.set()
            yield number, None

    with pytest.raises(Stopped):
        list(stoppable(lambda tagged: iter(tagged), stopped)(images()))
    assert taken == [0, 1, 2]
