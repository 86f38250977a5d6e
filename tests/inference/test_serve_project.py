"""`vidseq serve` on a project: its answers are those of the models, over HTTP and on the page."""

import base64
import json
import re
import shutil
import subprocess
import sys
import threading
from threading import Event
from types import SimpleNamespace

import httpx
import pandas as pd
import pytest
from conftest import ROOT

from vidseq.errors import VideoError, VidseqError
from vidseq.inference.serve_model import Predictor
from vidseq.inference.video_model import VideoModel


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
    killed = tmp_path / "models" / ".rnn.1a2b.partial"  # as a training that was killed leaves it
    killed.mkdir()
    (killed / "model.json").write_text("{}")
    predictor = Predictor(tmp_path, max_seconds=1)
    assert list(predictor.models) == ["baseline"]
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
    page.bring_to_front()  # the keyboard opens a file chooser for a page in focus alone
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


def test_a_video_that_is_dropped_is_predicted(browser, served):
    page = browser.new_page()
    page.goto(served.url)
    page.wait_for_selector("#metrics tr")
    video = served.folder / "data" / "clips" / "SquatTwice" / "v_SquatTwice_g01_c01.avi"
    dropped = page.evaluate_handle(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], "clip.avi"));
            return data;
        }""",
        base64.b64encode(video.read_bytes()).decode(),
    )
    page.dispatch_event("body", "drop", {"dataTransfer": dropped})
    page.wait_for_selector("#strip img")
    answer = httpx.post(f"{served.url}/predict", files={"video": video.read_bytes()})
    assert page.inner_text("#label") == answer.json()["label"]
    page.close()


def channels(colour: str) -> list[float]:
    return [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]


def contrast(*colours: str) -> float:
    """Return the contrast ratio of WCAG 2."""
    linear = [[c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels(of)] for of in colours]
    low, high = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in linear)
    return (high + 0.05) / (low + 0.05)
