"""The commands of the documentation run as they stand there."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from vidseq.video.read import frame_timestamps, read_frames
from vidseq.video.write import write_video

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("predict.md", "watch.md")


def commands(page: str) -> list[str]:
    """Return the commands of a page's console blocks that need no camera."""
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [line for line in lines if "camera" not in line]


@pytest.fixture
def in_project(project):
    """A project in which the pipeline has run, with a long video in it; runs a command there as a shell does."""
    clips = pd.read_csv(project.folder / "data" / "clips.csv").path[:3]
    files = [project.folder / "data" / "clips" / name for name in clips]
    frames = (frame for file in files for frame in read_frames(file, frame_timestamps(file).tolist()))
    write_video(project.folder / "long.mkv", frames, 25)
    vidseq = project.folder / "bin" / "vidseq"
    vidseq.parent.mkdir()
    vidseq.write_text(f'#!/bin/sh\nexec {sys.executable} -m vidseq.cli.main "$@"\n')
    vidseq.chmod(0o755)
    env = project.env | {"PYTHONPATH": str(project.folder / "src")}
    env["PATH"] = f"{vidseq.parent}:{env['PATH']}"

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=project.folder, env=env, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(in_project, page):
    for command in commands(page):
        assert in_project("bash", "-c", command), command


def test_the_script_of_a_page_runs(in_project):
    [script] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "predict.md").read_text(encoding="utf-8"), re.DOTALL)
    lines = in_project(sys.executable, "-c", script).splitlines()
    assert re.fullmatch(r"\w+ \d\.\d+ \[0\.\d+, .*\]", lines[0]) or lines[0].startswith("unknown")
    assert lines[1].startswith("Segment(start=0.0, end=")
