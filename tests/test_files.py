import json

import pytest

from vidseq import files


def test_replacing_a_file_keeps_the_old_one_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fail_halfway():
        with files.replacing(path) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert path.read_text() == "old"
    with files.replacing(path) as beside:
        beside.write_text("new")
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]


def test_replacing_a_folder_leaves_nothing_of_the_old_one(tmp_path):
    path = tmp_path / "clips"
    path.mkdir()
    (path / "stale").write_text("")
    with files.replacing(path) as folder:
        folder.mkdir()
        (folder / "fresh").write_text("")
    assert [entry.name for entry in path.iterdir()] == ["fresh"]


def test_a_killed_write_does_not_stand_in_the_way_of_the_next(tmp_path):
    (tmp_path / ".clips.partial").mkdir()
    with files.replacing(tmp_path / "clips") as folder:
        folder.mkdir()
    assert (tmp_path / "clips").is_dir()


def test_link_shows_the_file_without_copying_it(tmp_path):
    source = tmp_path / "a.avi"
    source.write_text("video")
    files.link(source, tmp_path / "clips" / "a.avi")
    assert (tmp_path / "clips" / "a.avi").samefile(source)


def test_link_copies_where_the_file_system_cannot_link(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr("os.symlink", refuse)
    monkeypatch.setattr("os.link", refuse)
    source = tmp_path / "a.avi"
    source.write_text("video")
    files.link(source, tmp_path / "b.avi")
    assert (tmp_path / "b.avi").read_text() == "video"
    assert not (tmp_path / "b.avi").samefile(source)


def test_json_refuses_what_it_cannot_hold(tmp_path):
    files.write_json(tmp_path / "a.json", {"Ενέργεια": 0.1})
    assert json.loads((tmp_path / "a.json").read_text()) == files.read_json(tmp_path / "a.json") == {"Ενέργεια": 0.1}
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert files.read_json(tmp_path / "a.json") == {"Ενέργεια": 0.1}


def test_of_two_that_add_the_same_the_first_stays_and_nothing_is_left_behind(tmp_path):
    path = tmp_path / "model"
    with files.adding(path) as first, files.adding(path) as second:
        for folder in (first, second):
            folder.mkdir()
        (second / "card").write_text("second")  # it is done first
        (first / "card").write_text("first")
    assert (path / "card").read_text() == "second"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_what_cannot_be_added_raises_and_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError), files.adding(tmp_path / "model"):
        pass
    assert not list(tmp_path.iterdir())
