"""The server answers what the models say, refuses what it must, and leaves nothing behind."""

import hashlib
import json
import re
import shutil
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
import pandas as pd
import pytest
import uvicorn
from conftest import ROOT

from vidseq.errors import VideoError, VidseqError
from vidseq.inference import serve_guard
from vidseq.inference.serve import make_app, upload_folder
from vidseq.inference.serve_guard import Protocol
from vidseq.inference.serve_model import Predictor, Stopped, stoppable
from vidseq.inference.video_model import VideoModel

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


@pytest.fixture(scope="module")
def served(repro, converted, tmp_path_factory):
    """`vidseq serve` as the first line of docs/serve.md starts it, on another port, with the commands that follow."""
    project = tmp_path_factory.mktemp("served") / "vidseq"
    shutil.copytree(repro.folder, project, symlinks=True)
    commands = re.findall(r"^\$ (.+)$", (ROOT / "docs" / "serve.md").read_text(), re.MULTILINE)
    start = commands[0].replace("8000", "0").split()
    assert start.pop(0) == "vidseq"
    env = repro.env | {"PYTHONPATH": ":".join([str(project / "src"), *filter(None, sys.path)])}
    uploads = project.parent / "uploads"
    uploads.mkdir()
    env["TMPDIR"] = str(uploads)
    process = subprocess.Popen(
        [sys.executable, "-m", "vidseq.cli.main", *start], cwd=project, env=env, stderr=subprocess.PIPE, text=True
    )
    url = next(found[0] for line in process.stderr if (found := re.search(r"http://[\d.:]+", line)))
    threading.Thread(target=process.stderr.read, daemon=True).start()
    yield SimpleNamespace(url=url, folder=project, commands=commands[1:])
    process.terminate()
    process.wait(20)
    assert list(uploads.iterdir()) == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_commands_of_the_documentation_answer_what_the_models_say(repro, served, converted):
    answers = []
    for command in served.commands:
        words = command.replace("http://127.0.0.1:8000", served.url).split()
        answers.append(json.loads(subprocess.check_output(words, cwd=served.folder)))
    health, models, plain, detailed = answers
    assert health == {"status": "ok"}
    assert [model["name"] for model in models] == ["baseline", "rnn", "rnn_causal", "transformer"]
    assert all(model["metrics"]["accuracy"]["interval"] for model in models)
    assert all(model["files"] == ["confusion.png", "card.md"] for model in models)
    card = httpx.get(f"{served.url}/models/rnn/card.md").text
    assert card == (repro.folder / "model_cards" / "rnn.md").read_text()
    video = served.folder / "data" / "clips" / "SquatTwice" / "v_SquatTwice_g01_c01.avi"
    for name, answer in (("rnn", plain), ("transformer", detailed)):
        expected = VideoModel(repro.folder / "models" / name, cache_dir=converted).predict(video)
        assert answer["model"] == name
        assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)
        assert answer["label"] == expected.label
    assert "strip" not in plain
    steps = len(detailed["times"])
    assert len(detailed["strip"]) == len(detailed["importance"]) == steps
    for label, p_T in detailed["over_time"].items():
        assert len(p_T) == steps
        assert p_T[-1] == pytest.approx(detailed["probabilities"][label], abs=1e-5)


def test_a_video_that_is_too_long_is_refused(repro, converted, tmp_path):
    (tmp_path / ".cache").mkdir()
    shutil.copytree(converted, tmp_path / ".cache" / "models")
    shutil.copytree(repro.folder / "models" / "baseline", tmp_path / "models" / "baseline")
    predictor = Predictor(tmp_path, max_seconds=1)
    path = repro.folder / "data" / "clips" / pd.read_csv(repro.folder / "data" / "clips.csv").path[0]
    with pytest.raises(VideoError, match="at most 1 s are accepted"):
        predictor.predict(path, "baseline", False, Event())
    with pytest.raises(VidseqError, match="holds no trained model"):
        Predictor(tmp_path / "none", 1)


CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_shows_what_the_model_says(browser, served, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(served.url)
    page.wait_for_selector("#metrics tr")
    # with the keyboard alone: to the models, to another one, to the file
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "model"
    page.keyboard.press("t")
    assert page.eval_on_selector("#model", "select => select.value") == "transformer"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "video"
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    video = served.folder / "data" / "clips" / "SquatTwice" / "v_SquatTwice_g01_c01.avi"
    chooser.value.set_files(video)
    page.wait_for_selector("#strip img")
    answer = httpx.post(f"{served.url}/predict", files={"video": video.read_bytes()}, data={"model": "transformer"})
    assert page.inner_text("#label") == answer.json()["label"]
    assert page.locator("#strip img").count() == len(answer.json()["times"])
    assert page.locator("#curves polyline").count() == 3
    assert page.locator("#probabilities tr").count() == 5
    assert page.eval_on_selector("#confusion", "image => image.decode().then(() => image.naturalWidth)") > 100
    page.click("#card summary")
    assert "Limits found" in page.inner_text("#card-text")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background, colour = (
        page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color")
    )
    assert contrast(background, colour) > 7
    assert (sum(channels(background)) < sum(channels(colour))) == (scheme == "dark")
    page.set_input_files("#video", {"name": "bad.avi", "mimeType": "video/avi", "buffer": b"no video"})
    page.get_by_text("the video cannot be used").wait_for()
    assert all(url.startswith((served.url, "data:")) for url in asked)
    assert [error for error in errors if "422" not in error] == []
    page.goto(f"{served.url}/docs")
    assert "POST /predict" in page.inner_text("main")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def channels(colour: str) -> list[float]:
    return [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]


def contrast(*colours: str) -> float:
    """Return the contrast ratio of WCAG 2."""
    linear = [[c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels(of)] for of in colours]
    low, high = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in linear)
    return (high + 0.05) / (low + 0.05)
