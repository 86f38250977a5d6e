"""Shared fixtures: copies of the project to run the pipeline in, the real clips, small tables and videos."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from network_guard import STRACE, guarded

from vidseq.params import Params, load_params
from vidseq.video.write import write_video

ROOT = Path(__file__).resolve().parents[1]
UCF101 = ROOT.parent / "shared" / "ucf101"  # 593 clips of five classes with the official lists; not in this repository
# threads that wait spin, and processes take long to start, beside other workers
SINGLE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), "1")
os.environ["LOKY_MAX_CPU_COUNT"] = "1"
CONVERT = """
from vidseq import paths
from vidseq.extraction.backbone import load_backbone
from vidseq.params import load_params
features = load_params(paths.PARAMS).features
backbone = load_backbone(features.backbone, paths.cache("models"))
for size in (backbone.transform.size, features.diff_size):
    backbone.convert(size, features.precision)
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("clips") and not UCF101.is_dir():
            item.add_marker(pytest.mark.skip(reason=f"the real clips are not in {UCF101}"))
    items.sort(key=lambda item: "stages" not in item.path.parts)  # long ones first: no worker waits for one at the end


@pytest.fixture
def params() -> Params:
    return load_params(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def ucf101() -> Path:
    return UCF101


class Project:
    """A clone of this project as it is, uncommitted changes included, in which commands run as a user runs them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.home = folder.parent / f"{folder.name}-home"  # no git identity, no settings, no caches
        self.home.mkdir(parents=True, exist_ok=True)
        binaries = Path(sys.executable).parent
        self.env = {name: os.environ[name] for name in ("LANG", "OPENBLAS_CORETYPE") if name in os.environ}
        self.env |= {"HOME": str(self.home), "PATH": f"{binaries}:/usr/local/bin:/usr/bin:/bin", "COLUMNS": "200"}
        self.env |= SINGLE_THREAD

    def clone(self, changes: dict[str, str]) -> None:
        """Copy this project, without what a run leaves, with `changes` made to the text of params.yaml."""
        listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, text=True)
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():  # not one that is deleted and still in the index
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, self.folder / name)
        for name in ("dvc.lock", "metrics", "plots"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).unlink(missing_ok=True)
        for old, new in changes.items():
            self.replace("params.yaml", old, new)
        self.run("git", "init", "-q", "-b", "main")
        self.commit()

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace the one occurrence of a text in a file."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        path.write_text(text.replace(old, new), encoding="utf-8")

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
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[str, Callable[[Path], None]], Path]:
    """Make a folder once for all workers of a test run; the first that needs it makes it, the others wait."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent

    def make(name: str, fill: Callable[[Path], None]) -> Path:
        folder = shared / name
        with FileLock(shared / f"{name}.lock"):
            if not (folder / "done").exists():
                fill(folder)
                (folder / "done").touch()
        return folder

    return make


@pytest.fixture(scope="session")
def converted(once) -> Path:
    """The default backbone, prepared as `.cache/models` of a project."""

    def convert(folder: Path) -> None:
        project = Project(folder / "vidseq")
        for name in ("src", "params.yaml"):
            (project.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (project.folder / name).symlink_to(ROOT / name)
        project.env["PYTHONPATH"] = "src"
        project.run("python", "-c", CONVERT)

    return once("converted", convert) / "vidseq" / ".cache" / "models"


@pytest.fixture(scope="session")
def fresh_project(tmp_path_factory: pytest.TempPathFactory, converted):
    """Make projects in which nothing has run, by default set to a small demo."""

    def make(folder: Path | None = None, small: bool = True, prepared: bool = True) -> Project:
        project = Project((folder or tmp_path_factory.mktemp("clone")) / "vidseq")
        changes = {"groups: 20 ": "groups: 8 ", "clips: 4 ": "clips: 2 "} if small else {}
        changes |= {"epochs: 15": "epochs: 2", "ensemble: 3": "ensemble: 2"} if small else {}
        project.clone(changes)
        if prepared:
            shutil.copytree(converted, project.folder / ".cache" / "models")
        return project

    return make


@pytest.fixture(scope="session")
def repro(once, fresh_project) -> Project:
    """A project in which `dvc repro` has run once, on a small demo, with what it left committed: not to be changed.

    Where there is strace, `connections` is the record of what the run tried to reach.
    """

    def run(folder: Path) -> None:
        project = fresh_project(folder, prepared=False)
        command = ["dvc", "repro"]
        (folder / "log").write_text(project.run(*(guarded(folder / "connections", *command) if STRACE else command)))
        project.commit()

    folder = once("repro", run)
    project = Project(folder / "vidseq")
    project.log, project.connections = (folder / "log").read_text(), folder / "connections"
    return project


@pytest.fixture
def project(repro, tmp_path) -> Project:
    """A copy of `repro` that a test may change."""
    shutil.copytree(repro.folder, tmp_path / "vidseq", symlinks=True)
    return Project(tmp_path / "vidseq")


@pytest.fixture
def make_video(tmp_path: Path):
    """Write a video in which the grey level of frame i is 4 * i."""

    def make(name: str = "clip.avi", frames: int = 50, fps: int = 25) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, (np.full((48, 64, 3), 4 * i % 256, np.uint8) for i in range(frames)), fps)
        return path

    return make
