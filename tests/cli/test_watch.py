import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from ffmpeg import ffmpeg

from vidseq.video.read import frame_timestamps

WATCH = (sys.executable, "-m", "vidseq.cli.main", "watch")


@pytest.fixture
def clip(repro) -> str:
    return "data/clips/" + pd.read_csv(repro.folder / "data" / "clips.csv").path[0]


def run(project, *arguments: str, **options) -> tuple[int, list[dict], str]:
    env = project.env | {"PYTHONPATH": str(project.folder / "src")}
    done = subprocess.run([*WATCH, *arguments], cwd=project.folder, env=env, capture_output=True, **options)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def command_that_takes(folder: Path) -> tuple[str, Callable[[], list[dict]]]:
    """A command for --exec, and what reads the events that it was given: a file for each, as two may run at once."""
    folder.mkdir()
    take = f"{sys.executable} -c \"import os, sys; open(f'{folder}/{{os.getpid()}}', 'w').write(sys.stdin.read())\""
    return take, lambda: [json.loads(file.read_text()) for file in folder.iterdir()]


@pytest.mark.parametrize("head", ["rnn", "rnn_causal", "transformer"])
def test_the_last_decision_on_a_clip_is_the_pipelines_prediction(repro, clip, head):
    status, lines, errors = run(repro, clip, "--model", f"models/{head}", "--window", "20", "--refuse", "0")
    assert (status, errors) == (0, "")
    predict = [
        sys.executable,
        "-m",
        "vidseq.cli.main",
        "predict",
        clip,
        "--model",
        f"models/{head}",
        "--format",
        "jsonl",
    ]
    env = repro.env | {"PYTHONPATH": str(repro.folder / "src")}
    expected = json.loads(subprocess.check_output(predict, cwd=repro.folder, env=env))
    decisions = [line for line in lines if line["kind"] == "decision"]
    last = decisions[len(expected["times"]) - 1]
    assert last["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-5)
    assert (last["since"], last["time"]) == pytest.approx((expected["times"][0], expected["times"][-1]))
    assert all(line["latency"] > 0 and line["dropped"] == 0 for line in decisions)


def test_an_event_is_reported_once_with_its_file_and_handed_to_a_command(repro, clip, tmp_path):
    take, taken = command_that_takes(tmp_path / "taken")
    status, lines, errors = run(
        repro, clip, "--hold", "2", "--recall", "1", "--save-clips", str(tmp_path / "clips"), "--around", "1",
        "--exec", take,
    )  # fmt: skip
    assert (status, errors) == (0, "")
    events = [line for line in lines if line["kind"] == "event"]
    assert events
    for event in events:
        held = [line for line in lines if line["kind"] == "decision" and event["label"] in line["alarms"]]
        assert event["end"] == held[-1]["time"]
        assert event["start"] < held[0]["time"]  # the first of two
        peak = max(
            line["probabilities"][event["label"]]
            for line in lines
            if line["kind"] == "decision" and event["start"] <= line["time"] <= event["end"]
        )
        assert event["peak"] == peak
        assert (
            frame_timestamps(tmp_path / "clips" / event["clip"].rpartition("/")[2])[-1] > event["end"] - event["start"]
        )
    assert sorted(event["clip"] for event in taken()) == sorted(event["clip"] for event in events)


def test_standard_input_is_watched(repro, clip):
    by_name, by_pipe = (run(repro, clip), run(repro, "-", input=(repro.folder / clip).read_bytes()))
    strip = [{key: value for key, value in line.items() if key != "latency"} for line in by_name[1]]
    assert [{key: value for key, value in line.items() if key != "latency"} for line in by_pipe[1]] == strip


def test_a_command_that_fails_is_one_line(repro, clip):
    status, _, errors = run(repro, clip, "--hold", "1", "--recall", "1", "--exec", "no-such-command")
    assert status == 0
    assert set(errors.splitlines()) == {
        "error: --exec no-such-command: [Errno 2] No such file or directory: 'no-such-command'"
    }


def test_what_cannot_be_watched_is_one_line(repro, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    for source, reason in (
        ("none.mp4", "No such file or directory"),
        (str(tmp_path / "text.mp4"), "Invalid data found when processing input"),
        (
            "ftp://127.0.0.1/a.mp4",
            "ftp:// cannot be watched, only rtsp, rtsps, rtp, udp, tcp, http, https, a file or -",
        ),
    ):
        assert run(repro, source) == (1, [], f"error: {source}: {reason}\n")
    status, lines, errors = run(repro, "none.mp4", "--alarm", "Nothing")
    assert (status, lines) == (1, [])
    assert "models/rnn_causal knows no class 'Nothing', only " in errors


def test_a_still_scene_is_watched_too(repro, tmp_path):
    ffmpeg(tmp_path, "-f lavfi -i color=gray:size=64x64:rate=10:duration=3 -c:v mpeg4 still.mp4")
    status, lines, _ = run(repro, str(tmp_path / "still.mp4"), "--model", "models/transformer", "--window", "1")
    assert status == 0
    said = [json.dumps(line["probabilities"]) for line in lines if line["kind"] == "decision"]
    assert len(said) == 6
    assert len(set(said[2:])) == 1


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_reports_the_event_that_is_open_with_its_file_and_command(repro, clip, tmp_path, sent):
    take, taken = command_that_takes(tmp_path / "taken")
    options = ("--hold", "1", "--recall", "1", "--save-clips", str(tmp_path / "clips"), "--exec", take)
    env = repro.env | {"PYTHONPATH": str(repro.folder / "src")}
    with subprocess.Popen(
        [*WATCH, "-", *options], cwd=repro.folder, env=env,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a shell's background jobs ignore
    ) as process:  # fmt: skip
        process.stdin.write((repro.folder / clip).read_bytes())
        process.stdin.flush()  # and it stays open, as a camera does
        lines = []
        while not lines or not lines[-1].get("alarms"):
            lines.append(json.loads(process.stdout.readline()))
        process.send_signal(sent)
        lines += [json.loads(line) for line in process.stdout]
        errors = process.stderr.read().decode()
    assert (process.returncode, errors) == (130, "")
    events = [line for line in lines if line["kind"] == "event"]
    assert events
    assert all(len(frame_timestamps(tmp_path / "clips" / event["clip"].rpartition("/")[2])) for event in events)
    assert sorted(event["clip"] for event in taken()) == sorted(event["clip"] for event in events)


def test_a_file_that_cannot_be_written_is_one_line_and_its_event_has_none(repro, clip, tmp_path):
    (tmp_path / "file").touch()
    status, lines, errors = run(repro, clip, "--hold", "1", "--recall", "1", "--save-clips", str(tmp_path / "file"))
    clips = [line["clip"] for line in lines if line["kind"] == "event"]
    assert status == 0
    assert clips
    assert set(clips) == {None}
    assert len(errors.splitlines()) == len(clips)
    assert all(line.startswith("error: no clip of ") for line in errors.splitlines())


@pytest.mark.parametrize(("command", "reason"), [(" ", "it names no command"), ("say 'hello", "No closing quotation")])
def test_a_command_that_cannot_be_run_is_one_line_before_anything_is_opened(tmp_path, command, reason):
    done = subprocess.run([*WATCH, "none.mp4", "--exec", command], cwd=tmp_path, text=True, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: --exec {command!r}: {reason}\n")
