"""Shared fixtures: a copy of the project to run the pipeline in, the real clips, small tables and videos."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vidseq import video
from vidseq.params import Params, load_params

ROOT = Path(__file__).resolve().parents[1]
UCF101 = ROOT.parent / "shared" / "ucf101"  # 593 clips of five classes with the official lists; not in this repository


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("clips") and not UCF101.is_dir():
            item.add_marker(pytest.mark.skip(reason=f"the real clips are not in {UCF101}"))


@pytest.fixture
def params() -> Params:
    return load_params(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def ucf101() -> Path:
    return UCF101


class Project:
    """A clone of this project as it stands, uncommitted changes included, in which commands run as a user runs them."""

    def __init__(self, folder: Path, changes: dict[str, str]):
        """Clone into `folder` with `changes` made to the text of params.yaml."""
        self.folder = folder
        listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, text=True)
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():  # not one that is deleted and still in the index
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, folder / name)
        for name in ("dvc.lock", "metrics", "plots"):  # what a run leaves; this one starts from nothing
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).unlink(missing_ok=True)
        params = folder / "params.yaml"
        text = params.read_text()
        for old, new in changes.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        params.write_text(text)
        home = folder.parent / f"{folder.name}-home"  # no git identity, no settings, no caches
        home.mkdir()
        binaries = Path(sys.executable).parent
        self.env = {name: os.environ[name] for name in ("LANG", "OPENBLAS_CORETYPE") if name in os.environ}
        self.env |= {"HOME": str(home), "PATH": f"{binaries}:/usr/local/bin:/usr/bin:/bin", "COLUMNS": "200"}
        self.run("git", "init", "-q", "-b", "main")
        self.commit()

    def commit(self) -> None:
        """Commit all that git does not ignore."""
        self.run("git", "add", "-A")
        self.run("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-qm", "as it stands")

    def run(self, *command: str, fails: bool = False) -> str:
        """Run a command and return all that it printed; it must end well, or with status 1 or 2 if it `fails`."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert done.returncode in ((1, 2, 255) if fails else (0,)), done.stdout
        assert "Traceback" not in done.stdout, done.stdout
        return done.stdout

    def identify(self) -> None:
        """Set the git identity that DVC needs to stash changes: to queue, or to run on changed files."""
        self.run("git", "config", "user.name", "test")
        self.run("git", "config", "user.email", "test@localhost")

    def ran(self, log: str) -> list[str]:
        """Return the stages that a log of DVC says were run."""
        return [line.split("'")[1] for line in log.splitlines() if line.startswith("Running stage")]


@pytest.fixture(scope="session")
def fresh_project(tmp_path_factory: pytest.TempPathFactory):
    """Make projects in which nothing has run, by default set to a small demo."""

    def make(small: bool = True) -> Project:
        changes = {"groups: 20 ": "groups: 8 ", "clips: 4 ": "clips: 2 ", "epochs: 15": "epochs: 6"} if small else {}
        return Project(tmp_path_factory.mktemp("clone") / "vidseq", changes)

    return make


@pytest.fixture(scope="session")
def repro(fresh_project) -> Project:
    """A project in which `dvc repro` has run once, on a small demo, with what it left committed."""
    project = fresh_project()
    project.log = project.run("dvc", "repro")
    project.commit()
    return project


@pytest.fixture
def make_video(tmp_path: Path):
    """Write a video in which the grey level of frame i is 4 * i."""

    def make(name: str = "clip.avi", frames: int = 50, fps: int = 25) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        video.encode(path, (np.full((48, 64, 3), 4 * i % 256, np.uint8) for i in range(frames)), fps)
        return path

    return make
