"""A stage trains a head in as many processes as there are cores."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from benchmarks.kill import contents

STAGE = ("python", "-m", "stages.train_head", "rnn")


@pytest.fixture
def two_cores(project):
    project.env["LOKY_MAX_CPU_COUNT"] = "2"
    return project


def test_what_is_trained_does_not_depend_on_how_many_there_are(two_cores):
    before = contents(two_cores.folder)  # of one process
    (two_cores.folder / "plots" / "curves_rnn.csv").unlink()
    log = two_cores.run(*STAGE)
    assert "rnn, fold 2 of 5" in log
    assert contents(two_cores.folder) == before


def test_a_training_that_diverges_in_its_process_is_one_line(two_cores):
    two_cores.replace("params.yaml", "lr: 0.002", "lr: 1.0e+30")
    log = two_cores.run(*STAGE, fails=True)
    assert log.splitlines()[-1].startswith("error: training diverged: ")


@contextmanager
def long_training(project) -> Iterator[tuple[subprocess.Popen, list[psutil.Process]]]:
    """The stage, as it trains for long, and the processes that it has started."""
    project.replace("params.yaml", "epochs: 2\n", "epochs: 1000\n")
    project.replace("params.yaml", "patience: 8 ", "patience: 1000 ")
    curves = project.folder / "plots" / "curves_rnn.csv"
    curves.unlink()
    with subprocess.Popen(
        STAGE, cwd=project.folder, env=project.env, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a shell's background jobs ignore
    ) as stage:  # fmt: skip
        while not curves.exists():
            assert stage.poll() is None
            time.sleep(0.05)
        children = psutil.Process(stage.pid).children(recursive=True)
        assert len(children) >= 2
        yield stage, children


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_a_stage_that_is_stopped(two_cores, sent):
    with long_training(two_cores) as (stage, children):
        stage.send_signal(sent)
        _, alive = psutil.wait_procs(children, timeout=60)
        for child in alive:
            child.kill()
        assert not alive


def test_a_process_that_is_killed_ends_the_stage_with_one_line(two_cores):
    with long_training(two_cores) as (stage, children):
        next(child for child in children if "LokyProcess" in " ".join(child.cmdline())).kill()
        errors = stage.communicate()[1]
    assert stage.returncode == 1
    assert errors.splitlines()[-1].startswith("error: a process that trained a head was killed, ")
