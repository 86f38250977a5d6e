import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vidseq import files
from vidseq.data.clips import check_duplicates, clip_files, drop_unreadable, read_clips, store_clips
from vidseq.errors import VidseqError

CLIPS = pd.DataFrame(
    [(f"{label}{split}{n}", label, f"{label}{split}{n}", split)
     for label in "AB" for split in ("train", "val", "test") for n in range(2)],
    columns=["clip", "label", "group", "split"],
)  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The folder of the clips, in a project that is the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data" / "clips"


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def table(*paths: str) -> pd.DataFrame:
    return pd.DataFrame({"clip": [Path(path).stem for path in paths], "path": paths, "start": np.nan, "end": np.nan})


def store_path(content: bytes, suffix: str = ".avi") -> Path:
    digest = hashlib.sha256(content).hexdigest()
    return Path(".cache/clips", digest[:2], digest + suffix)


def test_a_class_may_be_named_like_a_missing_value(tmp_path):
    clips = pd.DataFrame({"clip": ["1", "2.0"], "label": ["None", "NA"], "group": ["nan", "007"]})
    clips = clips.assign(start=[np.nan, 0.1 + 0.2], end=[np.nan, 1 / 3])
    clips.to_csv(tmp_path / "clips.csv", index=False)
    pd.testing.assert_frame_equal(read_clips(tmp_path / "clips.csv"), clips)


def test_a_file_moves_into_the_store_and_a_link_takes_its_place(folder):
    contents = {"Run/a.AVI": b"one", "Walk/b.avi": b"two"}
    for path, content in contents.items():
        write(folder / path, content)
    clips = store_clips(table(*contents), folder, "fail")
    assert clips.sha256.tolist() == [hashlib.sha256(content).hexdigest() for content in contents.values()]
    assert clips.path.tolist() == list(contents)
    stored = clip_files(clips)
    for (path, content), file in zip(contents.items(), stored, strict=True):
        assert file.samefile(store_path(content))
        assert file.is_file()
        assert not file.is_symlink()
        assert file.read_bytes() == content
        assert (folder / path).is_symlink()
        assert (folder / path).samefile(file)
    assert len([path for path in Path(".cache").rglob("*") if path.is_file()]) == 2


def test_clips_are_found_without_their_folder(folder):
    write(folder / "a.avi", b"one")
    clips = store_clips(table("a.avi"), folder, "fail")
    files.remove(folder)  # as DVC does before it runs the stage again
    assert clip_files(clips)[0].read_bytes() == b"one"


def test_the_file_that_a_link_shows_stays_where_it_is(folder, tmp_path):
    own = write(tmp_path / "videos" / "a.mp4", b"own")
    inode = own.stat().st_ino
    files.link(own, folder / "Run" / "a.mp4")
    clips = store_clips(table("Run/a.mp4"), folder, "fail")
    assert not own.is_symlink()
    assert (own.stat().st_ino, own.read_bytes()) == (inode, b"own")
    [file] = clip_files(clips)
    assert file.samefile(store_path(b"own", ".mp4"))
    assert file.is_symlink()
    assert file.samefile(own)
    assert (folder / "Run" / "a.mp4").samefile(own)


def test_a_hard_linked_file_stays_where_it_is(folder, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError

    own = write(tmp_path / "videos" / "a.mp4", b"own")
    monkeypatch.setattr("os.symlink", refuse)  # a file system without symlinks
    files.link(own, folder / "a.mp4")
    [file] = clip_files(store_clips(table("a.mp4"), folder, "fail"))
    assert own.samefile(file)
    assert own.samefile(folder / "a.mp4")


def test_the_same_content_under_two_names_is_stored_once(folder):
    names = [f"{n}.avi" for n in range(20)]
    for name in names:
        write(folder / name, b"same")
    clips = store_clips(table(*names), folder, "fail")
    assert clips.sha256.nunique() == 1
    assert [path.name for path in store_path(b"same").parent.iterdir()] == [store_path(b"same").name]
    assert len(set(clip_files(clips))) == 1
    for name in names:
        assert (folder / name).read_bytes() == b"same"


def test_storing_again_changes_nothing(folder):
    write(folder / "a.avi", b"one")
    first = store_clips(table("a.avi"), folder, "fail")
    files.remove(folder)
    write(folder / "a.avi", b"one")
    pd.testing.assert_frame_equal(store_clips(table("a.avi"), folder, "fail"), first)
    assert (folder / "a.avi").read_bytes() == b"one"
    assert not store_path(b"one").is_symlink()


@pytest.mark.parametrize("linked", [False, True])
def test_a_missing_file_is_named_with_the_command_that_restores_it(folder, tmp_path, linked):
    for name in ("a.avi", "b.avi"):
        own = write(tmp_path / "videos" / name, name.encode())
        files.link(own, folder / name) if linked else own.rename(write(folder / name, b""))
    clips = store_clips(table("a.avi", "b.avi"), folder, "fail")
    (own if linked else store_path(b"b.avi")).unlink()
    message = r"1 of 2 clips are missing, the first is b\.avi: .* dvc repro --force --single-item download$"
    with pytest.raises(VidseqError, match=message) as caught:
        clip_files(clips)
    assert "\n" not in str(caught.value)


def test_fail_lists_every_bad_clip_with_its_reason():
    with pytest.raises(VidseqError, match=r"2 of 12 clips cannot be read.*on_bad_clip=skip") as caught:
        drop_unreadable(CLIPS, {"Btest1": "no frames", "Atrain0": "cut off"}, "fail")
    assert str(caught.value).splitlines()[1:] == ["  Atrain0: cut off", "  Btest1: no frames"]


def test_skip_leaves_them_out_and_names_them(capsys):
    good = drop_unreadable(CLIPS, {"Btest1": "no frames"}, "skip")
    assert len(good) == 11
    assert "Btest1" not in set(good["clip"])
    assert "Btest1: no frames" in capsys.readouterr().out


def test_skip_stops_where_a_split_or_a_class_would_be_empty():
    with pytest.raises(VidseqError, match="no clip of B in val"):
        drop_unreadable(CLIPS, {"Bval0": "bad", "Bval1": "bad"}, "skip")
    with pytest.raises(VidseqError, match="no clip of A can be read"):
        drop_unreadable(CLIPS, dict.fromkeys(CLIPS["clip"][CLIPS.label == "A"], "bad"), "skip")


def test_nothing_bad_changes_nothing():
    assert drop_unreadable(CLIPS, {}, "fail") is CLIPS


def contents(*rows: tuple) -> pd.DataFrame:
    columns = ["clip", "sha256", "start", "end", "label", "split"]
    return pd.DataFrame(rows, columns=columns).astype({"start": float, "end": float})


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (("b", "00", None, None, "B", "train"), True),  # two labels
        (("b", "00", None, None, "A", "test"), True),  # two parts of the split
        (("b", "00", None, None, "A", "train"), False),
        (("b", "01", None, None, "B", "test"), False),  # other content
        (("b", "00", 9.5, None, "B", "train"), True),
        (("b", "00", 10, 20, "B", "train"), False),  # it begins where the other one ends
        (("b", "00", 0, 2, "B", "train"), False),
        (("b", "00", 0, 2.5, "A", "test"), True),
    ],
)
def test_content_in_common_stops_where_it_contradicts_or_leaks(second, found, capsys):
    whole = second[2:4] == (None, None)
    clips = contents(("a", "00", *((None, None) if whole else (2, 10)), "A", "train"), second)
    if not found:
        assert check_duplicates(clips, "fail") is None
        return
    with pytest.raises(
        VidseqError, match=r"1 pair\(s\) of clips have content in common.*data\.on_duplicate=warn"
    ) as caught:
        check_duplicates(clips, "fail")
    line = str(caught.value).splitlines()[1]
    assert "a (A, train)" in line
    assert f"b ({second[4]}, {second[5]})" in line
    check_duplicates(clips, "warn")
    assert line in capsys.readouterr().out


def test_all_pairs_are_named():
    clips = contents(*((f"c{n}", "00", n, n + 1.5, "AB"[n % 2], "train") for n in range(5)))
    with pytest.raises(VidseqError, match=r"^4 pair"):
        check_duplicates(clips, "fail")


def test_a_file_that_cannot_be_opened_is_listed(folder):
    write(folder / "a.avi", b"one")
    clips = table("a.avi", "gone.avi").assign(label="A", split="train", group="g")
    with pytest.raises(VidseqError, match=r"1 of 2 clips cannot be read(.|\n)*gone: No such file or directory"):
        store_clips(clips, folder, "fail")
