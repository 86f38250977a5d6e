from pathlib import Path

import numpy as np
import pytest

from vidseq import sources
from vidseq.data.clips import store_clips
from vidseq.errors import VidseqError
from vidseq.sources import table


@pytest.fixture
def find(tmp_path, params):
    """Write a table and return what the source finds in it."""

    def write(text: str, **changes):
        (tmp_path / "clips.csv").write_text(text, encoding="utf-8-sig")
        changes = {"source": "table", "path": str(tmp_path / "clips.csv"), **changes}
        return table.find(params.data.model_copy(update=changes))

    return write


def test_rows_are_intervals_of_files_and_a_file_is_a_group(find, tmp_path):
    clips = find("path, start,end,label\nday/a.mp4,0,4.5,Run\nday/a.mp4,4.5,,Walk\n\nday/../day/b.mp4,,,Run\n")
    assert clips["clip"].tolist() == ["a@0.0-4.5", "a@4.5-", "b"]
    assert clips.path.tolist() == clips.group.tolist() == ["a.mp4", "a.mp4", "b.mp4"]
    assert clips.file.tolist() == [tmp_path / "day" / name for name in clips.path]
    np.testing.assert_array_equal(clips[["start", "end"]], [[0, 4.5], [4.5, np.nan], [np.nan, np.nan]])
    assert clips.label.tolist() == ["Run", "Walk", "Run"]
    assert "split" not in clips


def test_group_split_and_classes(find):
    text = "path,label,group,split\na.mp4,None,nan,train\nb.mp4,NA,,test\nc.mp4,null,null,val\n"
    clips = find(text)
    assert clips.label.tolist() == ["None", "NA", "null"]
    assert clips.group.tolist() == ["nan", "b.mp4", "null"]
    assert clips.split.tolist() == ["train", "test", "val"]
    assert find(text, classes=["NA"])["clip"].tolist() == ["b"]


def test_files_anywhere_are_linked_within_the_folder(params, tmp_path):
    for name in ("here/a.mp4", "there/a.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    rows = [f"{tmp_path}/there/a.mp4,{2 * i},{2 * i + 1},{label},g{i}" for i in range(4) for label in "AB"]
    rows += [f"../here/a.mp4,{i},,{label},h{i}" for i in range(4) for label in "AB"]
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "clips.csv").write_text("\n".join(["path,start,end,label,group", *rows]))
    data = params.data.model_copy(update={"source": "table", "path": str(tmp_path / "csv" / "clips.csv")})
    clips = sources.prepare(data, tmp_path / "clips")
    assert set(clips.path) == {"here/a.mp4", "there/a.mp4"}
    for path in set(clips.path):
        assert (tmp_path / "clips" / path).samefile(tmp_path / path)
    assert clips["clip"].is_unique  # also where a file has the same interval twice
    assert set(clips.split) == {"train", "val", "test"}


def test_a_recording_is_hashed_once(params, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").write_text("long")
    rows = [f"a.mp4,{i},{i + 1},{label},{label}{i}" for i in range(8) for label in "AB"]
    (tmp_path / "clips.csv").write_text("\n".join(["path,start,end,label,group", *rows]))
    hashed = []
    monkeypatch.setattr("vidseq.files.sha256", lambda path: hashed.append(path) or "00")
    data = params.data.model_copy(update={"source": "table", "path": str(tmp_path / "clips.csv")})
    clips = store_clips(sources.prepare(data, Path("clips")), Path("clips"), "fail")
    assert hashed == [Path("clips/a.mp4")]
    assert clips.sha256.tolist() == ["00"] * 16


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,start\na.mp4,1", "has no column 'label'; needed are path, label"),
        ("path,label,grupo\na.mp4,A,1", "has a column 'grupo'; known are path, start, end, label, group, split"),
        ("path,label", "lists no clips"),
        ("", "is no table of clips"),
        ('path,label\n"a.mp4', "is no table of clips"),
        ("path,label\n\na.mp4,A\n,A", "line 4: no path"),
        ("path,label\na.mp4,", "line 2: no label"),
        ("path,start,label\na.mp4,0:30,A", r"line 2: start should be a number of seconds \(a.mp4, 0:30,"),
        ("path,start,label\na.mp4,-1,A", "line 2: start should be"),
        ("path,end,label\na.mp4,inf,A", "line 2: end should be"),
        ("path,start,end,label\na.mp4,1,2,A\na.mp4,2,2,A", "line 3: the clip ends before it begins"),
        ("path,label,split\na.mp4,A,dev", "line 2: split should be one of train, val, test"),
        ("path,label,split\na.mp4,A,test\nb.mp4,A,", "line 3: no split, which other lines have"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(find, text, message):
    with pytest.raises(VidseqError, match=message) as caught:
        find(text)
    assert "\n" not in str(caught.value)


def test_no_table_and_no_such_class(params, find, tmp_path):
    with pytest.raises(VidseqError, match=r"data\.path: .*none\.csv is no table of clips: .*No such file"):
        table.find(params.data.model_copy(update={"path": str(tmp_path / "none.csv")}))
    with pytest.raises(VidseqError, match=r"data\.classes: .* has no label 'B'"):
        find("path,label\na.mp4,A", classes=["A", "B"])
