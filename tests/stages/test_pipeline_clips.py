"""The whole chain on the real clips, and what it does about damaged ones."""

import json
import re
import shutil

import pytest

pytestmark = pytest.mark.clips


def from_folder(path, lists) -> list[str]:
    settings = {"data.source": "folder", "data.path": path, "data.split_lists": lists, "data.split": 1}
    return [part for key, value in settings.items() for part in ("-S", f"{key}={value}")]


def metrics(project, name: str) -> dict:
    return json.loads((project.folder / "metrics" / f"{name}.json").read_text())


def test_official_split_1_through_the_whole_chain(fresh_project, ucf101):
    project = fresh_project(small=False)
    originals = {path: path.stat() for path in (ucf101 / "videos").rglob("*.avi")}
    settings = from_folder(ucf101 / "videos", ucf101 / "splits")
    log = project.run("dvc", "exp", "run", "evaluate", *settings, "-S", "train.ensemble=1")  # a third of the time
    counts = metrics(project, "download")["clips"]
    assert counts["train"] + counts["val"] == 426
    assert counts["test"] == 167
    assert metrics(project, "extract_features")["clips"] == 593
    report = metrics(project, "test")
    assert report["rnn"]["accuracy"] >= 0.93, log
    assert report["transformer"]["accuracy"] >= 0.93, log
    for path, before in originals.items():  # DVC has neither moved nor protected nor linked the user's own files
        after = path.stat()
        assert (after.st_mode, after.st_ino, after.st_nlink) == (before.st_mode, before.st_ino, before.st_nlink)


@pytest.fixture
def damaged(fresh_project, ucf101):
    """A project beside a small folder of real clips, two of which are damaged, and short lists of them."""
    project = fresh_project()
    videos, lists = project.folder.parent / "videos", project.folder.parent / "lists"
    lists.mkdir()
    for part in ("train", "test"):
        lines = []
        for line in (ucf101 / "splits" / f"{part}list01.txt").read_text().splitlines():
            name = line.split()[0] if line.strip() else ""
            group = int((re.search(r"_g(\d+)_c0[12]", name) or [0, 99])[1])
            if name.startswith(("GolfSwing", "PushUps")) and group in (1, 2, *range(8, 13)):
                (videos / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ucf101 / "videos" / name, videos / name)
                lines.append(line.strip())
        (lists / f"{part}list01.txt").write_text("\n".join(lines))
    (videos / "PushUps" / "v_PushUps_g09_c01.avi").write_bytes(b"no video")
    cut = videos / "GolfSwing" / "v_GolfSwing_g08_c01.avi"
    whole = cut.read_bytes()
    cut.chmod(0o644)
    cut.write_bytes(whole[: len(whole) // 3])
    project.identify()
    return project


def test_bad_clips_are_all_listed_or_skipped_and_counted(damaged):
    settings = from_folder("../videos", "../lists")  # relative to the project
    log = damaged.run("dvc", "exp", "run", *settings, fails=True)
    assert "error: 2 of 28 clips cannot be read" in log
    assert "PushUps/v_PushUps_g09_c01: Invalid data found" in log
    assert "GolfSwing/v_GolfSwing_g08_c01: it is cut off" in log

    damaged.run("dvc", "exp", "run", "evaluate", *settings, "-S", "data.on_bad_clip=skip")
    assert metrics(damaged, "sample_frames") == {"clips": 26, "frames": pytest.approx(200, abs=100), "skipped_clips": 2}
    assert metrics(damaged, "extract_features")["clips"] == 26
    assert set(metrics(damaged, "evaluation")["models"]["rnn"]["per_class"]) == {"GolfSwing", "PushUps"}

    # relative paths mean the project, also where a queued experiment runs elsewhere
    settings += ["-S", "data.on_bad_clip=skip", "-S", "data.seed=3"]
    damaged.run("dvc", "exp", "run", "--queue", "sample_frames", *settings)
    assert "Failed" not in damaged.run("dvc", "exp", "run", "--run-all")


def test_an_empty_folder_ends_with_one_line(damaged):
    (damaged.folder.parent / "empty").mkdir()
    log = damaged.run("dvc", "exp", "run", "-S", "data.source=folder", "-S", "data.path=../empty", fails=True)
    assert re.search(r"error: \S*empty has no class folders", log)
