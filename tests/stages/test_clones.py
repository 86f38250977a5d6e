"""The same results in other clones, and how clips are found again."""

import shutil

import pandas as pd
from conftest import Project
from ruamel.yaml import YAML


def test_twice_from_nothing_gives_the_same_bytes(repro, fresh_project):
    other = fresh_project()
    other.run("dvc", "repro")
    locks = [YAML(typ="safe").load(project.folder / "dvc.lock")["stages"] for project in (repro, other)]
    for lock in locks:
        del lock["report"]["outs"]  # it names the commit and the machine
    assert locks[0] == locks[1]
    outs = [path for d in ("metrics", "plots") for path in (other.folder / d).rglob("*") if path.is_file()]
    assert len(outs) > 25
    for out in outs:
        assert out.read_bytes() == (repro.folder / out.relative_to(other.folder)).read_bytes(), out


def test_after_a_fresh_clone_and_a_pull_nothing_runs_again(project):
    remote, clone = project.folder.parent / "remote", Project(project.folder.parent / "clone")
    project.run("dvc", "remote", "add", "-q", "-d", "shared", str(remote))
    project.commit()
    project.run("dvc", "push", "-q")
    project.run("git", "clone", "-q", str(project.folder), str(clone.folder))
    assert (clone.folder / "data" / "README.md").is_file()  # the whole shape is there
    clone.run("dvc", "pull", "-q")
    assert clone.ran(clone.run("dvc", "repro", "--allow-missing", "--dry")) == []
    assert clone.ran(clone.run("dvc", "repro")) == []
    for name in ("report/report.pdf", "metrics/test.json", "plots/confusion/rnn.png", "data/predictions/rnn.csv"):
        assert (clone.folder / name).read_bytes() == (project.folder / name).read_bytes()

    # what needs its clips names the command that restores them, and that command does
    clone.replace("params.yaml", "max_frames: 32", "max_frames: 4")
    log = clone.run("dvc", "repro", "sample_frames", fails=True)
    assert "error: 80 of 80 clips are missing" in log
    command = log.partition("to restore them, run ")[2].splitlines()[0]
    clone.run(*command.split())
    assert clone.ran(clone.run("dvc", "repro", "sample_frames")) == ["sample_frames"]


def test_a_clip_that_was_edited_in_place_is_noticed(project):
    clips = pd.read_csv(project.folder / "data" / "clips.csv")
    edited, other = (next((project.folder / ".cache" / "clips").glob(f"*/{digest}.*")) for digest in clips.sha256[:2])
    edited.write_bytes(other.read_bytes())
    shutil.rmtree(project.folder / ".cache" / "features")
    log = project.run("dvc", "repro", "--force", "--single-item", "extract_features", fails=True)
    assert log.count("error: ") == 1
    assert f"{clips['clip'][0]} has changed since download" in log.replace("\n", " ")
    assert "dvc repro --force --single-item download" in log.replace("\n", " ")
