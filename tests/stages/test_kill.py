"""Three of the kills of `benchmarks.kill`, each of one stage."""

import random
import sys
import time

import pytest

from benchmarks.kill import contents, finish, kill, start


@pytest.mark.parametrize("stage", ["download", "sample_frames", "train_baseline"])
def test_a_stage_that_was_killed_leaves_the_same_bytes_once_it_has_run(project, stage, monkeypatch):
    for name, value in project.env.items():
        monkeypatch.setenv(name, value)
    command, before = [sys.executable, "-m", f"stages.{stage}"], contents(project.folder)
    process, after_s = start(command, project.folder), random.Random().uniform(0.5, 4)
    time.sleep(after_s)
    kill(process)
    finish(command, project.folder)
    assert contents(project.folder) == before, f"killed after {after_s} s"
