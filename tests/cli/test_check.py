"""`vidseq check` on small folders: what it finds, what it says to do, and what it writes."""

import re
import shutil

import numpy as np
import pytest
from conftest import ROOT
from typer.testing import CliRunner

from vidseq.cli import check as command
from vidseq.cli.main import app
from vidseq.params import load_params
from vidseq.video.write import write_video


def write_clip(path, seed: int, fps: int = 10) -> None:
    """Write a clip of moving blocks; another seed shows other ones."""
    blocks = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    image = blocks.repeat(8, 0).repeat(8, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, (np.roll(image, 2 * n, 1) for n in range(20)), fps)


@pytest.fixture
def videos(tmp_path, monkeypatch):
    """A project with videos of two classes, three recordings each, two clips per recording."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "_durations", lambda clips, params: None)  # tests/stages/test_pipeline_table.py has it
    shutil.copyfile(ROOT / "params.yaml", "params.yaml")
    for n, label in enumerate(("None", "Walk")):
        for scene in range(3):
            for clip in range(2):
                write_clip(tmp_path / "videos" / label / f"{label}{scene}_{clip}.avi", 100 * n + 10 * scene + clip)
    return tmp_path / "videos"


def check(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_a_good_folder_is_described_and_its_params_are_written(videos):
    status, said = check("videos", "--write")
    assert status == 0, said
    assert "12 clips of 2 classes in 12 files, 0.01 hours" in said
    assert re.search(r"None +6 +3 +2\.0 +2\.0 +2\.0", said)
    assert "sizes: 128x96 (12)" in said
    assert "frames per second: 10 (12)" in said
    assert "groups: 6, by a common prefix" in said
    assert "the largest is None0: None/None0_0, None/None0_1" in said
    assert re.search(r"None +2 +2 +2\n", said)
    data = load_params(videos.parent / "params.yaml").data
    assert (data.source, data.path, data.group_pattern) == ("folder", "videos", "^(.+)[ _.-][^ _.-]+$")


def test_what_is_wrong_is_listed_with_its_reason(videos):
    shutil.copyfile(videos / "None" / "None0_0.avi", videos / "Walk" / "Walk7_0.avi")
    write_clip(videos / "Walk" / "Walk8_0.avi", 0, fps=12)  # the frames of None0_0
    (videos / "None" / "None9_0.avi").write_bytes(b"no video")
    (videos / "None" / "None9_1.avi").symlink_to("gone.avi")
    before = (videos.parent / "params.yaml").read_text()
    status, said = check("videos")
    assert status == 1
    assert "2 clips cannot be read" in said
    assert "None/None9_0: Invalid data found" in said
    assert "None/None9_1: No such file or directory" in said
    assert "the same content in two classes: 1 pair(s)\n  None/None0_0 and Walk/Walk7_0\n" in said
    assert "nearly the same frames in two classes" in said
    assert "None/None0_0 and Walk/Walk8_0" in said
    assert re.search(r"a run would stop: 2 clips cannot be read .*; 1 pair\(s\) of clips have content in common", said)
    assert (videos.parent / "params.yaml").read_text() == before


def test_a_folder_that_fits_no_rule_is_told_what_to_do(videos):
    for file in [*videos.rglob("*.avi")]:
        file.rename(file.with_name(file.name.replace("_", "")))
    status, said = check("videos")
    assert status == 0
    assert "groups: none found, each of the 12 clips counts as its own" in said
    assert "<Class>/<recording>/" in said
    status, said = check("videos", "--group-pattern", r"(\d)\d$")
    assert r"groups: 3, by --group-pattern ((\d)\d$)" in said


def test_classes_that_are_too_small_are_named(videos):
    for file in videos.glob("Walk/Walk[12]*"):
        file.unlink()
    status, said = check("videos", "--group-pattern", r"^(.+)_")
    assert status == 1
    assert "classes too small to split (each needs 3 groups, one for each part)\n  Walk: 1" in said
    assert "a run would stop: class 'Walk' has only one group" in said


def test_a_table_is_checked_too(videos):
    rows = [f"{label}/{label}{scene}_{clip}.avi,0,1,{label},{scene}" for label in ("None", "Walk")
            for scene in range(3) for clip in range(2)]  # fmt: skip
    (videos / "clips.csv").write_text("\n".join(["path,start,end,label,group", *rows]))
    status, said = check("videos/clips.csv", "--write")
    assert status == 0, said
    assert "groups: 3, by the column group, or else by file" in said
    assert load_params(videos.parent / "params.yaml").data.source == "table"
    (videos / "clips.csv").write_text("\n".join(["path,start,end,label,group", *rows, "None/None0_0.avi,0.5,3,Walk,0"]))
    status, said = check("videos/clips.csv")
    assert status == 1
    assert "None/None0_0@0.5-3.0: it lasts 2.00 s, and the interval ends at 3 s" in said
