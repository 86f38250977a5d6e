"""The real stage as a subprocess: in one go, killed, incrementally, and on a Ray cluster of two nodes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import ROOT, SINGLE_THREAD

from vidseq.files import sha256
from vidseq.video.write import write_video

CLIPS, STEPS = 24, 12
COMMAND = [sys.executable, "-m", "stages.extract_features"]


class Workspace:
    """A folder in which the stage can run: clips, their table, the plan and the params; the backbone is ready."""

    def __init__(self, folder: Path, made: "Workspace | None" = None):
        self.folder = folder
        shutil.copytree(ROOT / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copyfile(ROOT / "params.yaml", folder / "params.yaml")
        if made:
            shutil.copytree(made.folder / "data" / "clips", folder / "data" / "clips")
            shutil.copytree(made.folder / ".cache" / "models", folder / ".cache" / "models")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "RAY_"))}
        self.env |= SINGLE_THREAD

    def tables(self, clips: list[int]) -> None:
        """Write the clip table and the plan for some of the clips, and store these by their content."""
        names = [f"c{n:02d}" for n in clips]
        files = [self.folder / "data" / "clips" / f"{name}.avi" for name in names]
        digests = [sha256(file) for file in files]
        for file, digest in zip(files, digests, strict=True):
            stored = self.folder / ".cache" / "clips" / digest[:2] / f"{digest}.avi"
            stored.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, stored)
        table = pd.DataFrame({"clip": names, "path": [file.name for file in files], "label": "A", "split": "train"})
        table.assign(group=names, sha256=digests, start=None, end=None).to_csv(
            self.folder / "data" / "clips.csv", index=False
        )
        plan = [
            (name, step, 0.04 * (2 * step + n % 3))
            for n, name in zip(clips, names, strict=True)
            for step in range(STEPS)
        ]
        plan = pd.DataFrame(plan, columns=["clip", "step", "timestamp"]).assign(duration=1.2, start=0.0)
        plan.to_parquet(self.folder / "data" / "frames.parquet")

    def set(self, old: str, new: str) -> None:
        """Change params.yaml."""
        text = (self.folder / "params.yaml").read_text()
        assert text.count(old) == 1
        (self.folder / "params.yaml").write_text(text.replace(old, new))

    def start(self, **env: str) -> subprocess.Popen:
        """Start the stage."""
        return subprocess.Popen(
            COMMAND, cwd=self.folder, env=self.env | env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def run(self, **env: str) -> str:
        """Run the stage and return its log."""
        stage = self.start(**env)
        log = stage.communicate()[0]
        assert stage.returncode == 0, log
        return log

    def kept(self) -> list[Path]:
        """Return the files of the clips in the cache."""
        return list((self.folder / ".cache" / "features").glob("*/*.npy"))

    def features(self) -> dict[str, bytes]:
        """Return all that the stage wrote."""
        return {path.name: path.read_bytes() for path in (self.folder / "data" / "features").iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Workspace:
    """A workspace in which the stage ran in one go."""
    workspace = Workspace(tmp_path_factory.mktemp("whole") / "project")
    rng = np.random.default_rng(0)
    (workspace.folder / "data" / "clips").mkdir(parents=True)
    for n in range(CLIPS):
        room = rng.integers(0, 256, (12, 18, 3)).repeat(20, 0).repeat(20, 1).astype(np.uint8)
        frames = (np.roll(room, 3 * i, 1)[:, :320] for i in range(30))
        write_video(workspace.folder / "data" / "clips" / f"c{n:02d}.avi", frames, 25)
    workspace.tables(list(range(CLIPS)))
    workspace.log = workspace.run()
    return workspace


@pytest.fixture
def fresh(whole, tmp_path) -> Workspace:
    """A workspace with the same clips and an empty cache of features."""
    workspace = Workspace(tmp_path / "project", whole)
    workspace.tables(list(range(CLIPS)))
    return workspace


def wait_for(condition: Callable[[], object], stage: subprocess.Popen) -> None:
    while not condition():
        assert stage.poll() is None, stage.communicate()[0]
        time.sleep(0.005)


def test_in_one_go(whole):
    assert f"{CLIPS} clips, {CLIPS} of them not in the cache; tf_efficientnet_lite0 by openvino, fp32, cpu" in whole.log
    assert set(whole.features()) == {"features.npy", "index.csv", "meta.json"}
    packed = np.load(whole.folder / "data" / "features" / "features.npy")
    assert packed.shape == (CLIPS * STEPS, 2 * 1280)  # frames and difference images
    assert len(np.unique(packed, axis=0)) == CLIPS * STEPS


@pytest.mark.parametrize("encoded", [1, 9, 20])
def test_a_killed_run_goes_on_and_gives_the_same_bytes(whole, fresh, encoded):
    stage = fresh.start()
    wait_for(lambda: len(fresh.kept()) >= encoded, stage)
    os.kill(stage.pid, signal.SIGKILL)
    stage.communicate()
    assert not (fresh.folder / "data" / "features").exists()
    left = CLIPS - len(fresh.kept())
    assert 0 < left <= CLIPS - encoded
    assert f"{CLIPS} clips, {left} of them not in the cache" in fresh.run()
    assert fresh.features() == whole.features()


def test_incrementally_and_in_another_order_gives_the_same_bytes(whole, fresh):
    for clips in ([23, 4], [4, 11, 12, 13, 23], list(range(CLIPS))):
        fresh.tables(clips)
        fresh.run()
    assert fresh.features() == whole.features()


def test_another_crop_gives_other_features_and_keeps_those_that_are_there(fresh):
    fresh.tables([4, 11])
    fresh.run()
    before = fresh.features()
    fresh.set("crop: null", "crop: [0, 0, 0.5, 1]")
    assert "2 clips, 2 of them not in the cache" in fresh.run()
    assert fresh.features()["features.npy"] != before["features.npy"]
    fresh.set("crop: [0, 0, 0.5, 1]", "crop: null")
    assert "2 clips, 0 of them not in the cache" in fresh.run()
    assert fresh.features() == before


def test_one_more_clip_costs_that_clip(whole, fresh):
    fresh.tables(list(range(CLIPS - 1)))
    fresh.run()
    before = {path: path.stat().st_ino for path in fresh.kept()}
    fresh.tables(list(range(CLIPS)))
    assert "24 clips, 1 of them not in the cache" in fresh.run()
    assert len(fresh.kept()) == CLIPS
    assert all(path.stat().st_ino == inode for path, inode in before.items())


def test_with_all_clips_in_the_cache_torch_is_not_imported(whole):
    code = "import sys, runpy; runpy.run_module('stages.extract_features', run_name='__main__');"
    code += "print('torch' in sys.modules)"
    log = subprocess.check_output([sys.executable, "-c", code], cwd=whole.folder, env=whole.env, text=True)
    assert f"{CLIPS} clips, 0 of them not in the cache" in log
    assert log.split()[-1] == "False"


def test_a_small_cache_keeps_what_this_run_needs(whole, fresh):
    fresh.tables(list(range(12)))
    fresh.run()
    fresh.set("cache_gb: 20.0", "cache_gb: 0.001")  # 16 clips
    fresh.tables(list(range(6, CLIPS)))
    assert "evicted the 6 clips used longest ago from the cache" in fresh.run()
    assert len(fresh.kept()) == 18


def test_a_clip_that_breaks_off_is_named_and_costs_no_other(fresh):
    path = fresh.folder / "data" / "clips" / "c05.avi"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    fresh.tables(list(range(CLIPS)))
    stage = fresh.start()
    log = stage.communicate()[0]
    assert stage.returncode == 1
    assert "1 of 24 clips cannot be read" in log
    assert "c05: decoding breaks off" in log
    assert len(fresh.kept()) == CLIPS - 1


@pytest.fixture
def cluster():
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


def workers() -> dict[psutil.Process, int]:
    """Return the Ray workers below this process that encode a shard right now, and the process id of their node."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if "ray::_extract_shard" in " ".join(process.cmdline()):
                found[process] = next(parent.pid for parent in process.parents() if parent.name() == "raylet")
    return found


def test_two_ray_nodes_and_a_killed_worker_give_the_same_bytes(whole, fresh, cluster):
    fresh.set("executor: local", "executor: ray")
    stage = fresh.start(RAY_ADDRESS=cluster.address)
    nodes, killed = set(), None
    while stage.poll() is None:
        running = workers()
        nodes |= set(running.values())
        if running and not killed and len(fresh.kept()) >= 3:
            killed = next(iter(running))
            killed.kill()
        time.sleep(0.01)
    log = stage.communicate()[0]
    assert stage.returncode == 0, log
    assert killed
    assert len(nodes) == 2
    assert fresh.features() == whole.features()
