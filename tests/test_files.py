import json
import os
import subprocess
import sys
import time

import pytest

from vidseq import files

# Two processes write the same path in each of 300 rounds, as close to each other as a barrier brings them.
RACE = """
import multiprocessing, os, sys
from pathlib import Path
from vidseq import files

os.fsync = lambda number: None  # the disk takes no part in the race
write, shape, path, rounds = getattr(files, sys.argv[1]), sys.argv[2], Path(sys.argv[3]), 300
context = multiprocessing.get_context("fork")
barrier = context.Barrier(2)

def content(writer, number):
    return f"{writer} {number} " * 2000

def race(writer):
    try:
        for number in range(rounds):
            barrier.wait(60)
            with write(path) as tmp:
                if shape == "folder":
                    tmp.mkdir()
                    for name in ("first", "second"):
                        (tmp / name).write_text(content(writer, number))
                else:
                    tmp.write_text(content(writer, number))
            barrier.wait(60)
            if writer == 0:
                check(number)
    except BaseException:
        barrier.abort()
        raise

def check(number):
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    names = ["first", "second"] if shape == "folder" else ["."]
    written = [(path / name).read_text() for name in names]
    assert written[0] in [content(writer, number) for writer in (0, 1)]
    assert len(set(written)) == 1
    if shape == "folder":
        assert sorted(entry.name for entry in path.iterdir()) == names
    if write is files.write_once:
        files.remove(path)

writers = [context.Process(target=race, args=[writer]) for writer in (0, 1)]
for writer in writers:
    writer.start()
for writer in writers:
    writer.join()
sys.exit(any(writer.exitcode for writer in writers))
"""


@pytest.mark.parametrize("shape", ["file", "folder"])
@pytest.mark.parametrize("write", ["atomic_write", "write_once"])
def test_of_two_concurrent_writers_one_wins_and_nothing_is_left_behind(tmp_path, write, shape):
    command = [sys.executable, "-c", RACE, write, shape, str(tmp_path / "out")]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    assert done.returncode == 0, done.stdout


def test_atomic_write_keeps_the_old_file_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fail_halfway():
        with files.atomic_write(path) as tmp:
            tmp.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert path.read_text() == "old"
    with files.atomic_write(path) as tmp:
        tmp.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]


def test_atomic_write_keeps_the_old_folder_if_the_block_fails(tmp_path):
    path = tmp_path / "clips"
    path.mkdir()
    (path / "old").write_text("")

    def fail_halfway():
        with files.atomic_write(path) as tmp:
            tmp.mkdir()
            (tmp / "half").write_text("")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert [entry.name for entry in path.iterdir()] == ["old"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["clips"]


def test_atomic_write_of_a_folder_leaves_nothing_of_the_old_one(tmp_path):
    path = tmp_path / "clips"
    path.mkdir()
    (path / "stale").write_text("")
    with files.atomic_write(path) as folder:
        folder.mkdir()
        (folder / "fresh").write_text("")
    assert [entry.name for entry in path.iterdir()] == ["fresh"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["clips"]


def test_a_file_and_a_folder_replace_each_other(tmp_path):
    path = tmp_path / "out"
    path.write_text("")
    with files.atomic_write(path) as tmp:
        tmp.mkdir()
    assert path.is_dir()
    with files.atomic_write(path) as tmp:
        tmp.write_text("")
    assert path.is_file()
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_block_that_writes_nothing_fails_and_keeps_the_old_content(tmp_path):
    path = tmp_path / "clips"
    path.mkdir()
    with pytest.raises(FileNotFoundError), files.atomic_write(path):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["clips"]


KILLED = """
import os, signal, sys
from pathlib import Path
from vidseq import files

with files.atomic_write(Path(sys.argv[1])) as tmp:
    tmp.mkdir()
    (tmp / "half").write_text("")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_does_not_block_the_next_and_is_removed_after_a_day(tmp_path):
    path = tmp_path / "clips [1]"  # which is a glob pattern too
    for _ in range(2):
        subprocess.run([sys.executable, "-c", KILLED, path])
    old, new = tmp_path.iterdir()
    for leftover, hours in ((old, 25), (new, 23)):
        os.utime(leftover, (time.time() - 3600 * hours,) * 2)
    with files.atomic_write(path) as folder:
        folder.mkdir()
    assert sorted(tmp_path.iterdir()) == [new, path]


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


def test_json_refuses_nan_and_infinity_and_keeps_the_old_file(tmp_path):
    files.write_json(tmp_path / "a.json", {"Ενέργεια": 0.1})
    assert json.loads((tmp_path / "a.json").read_text()) == files.read_json(tmp_path / "a.json") == {"Ενέργεια": 0.1}
    for number in ("nan", "inf"):
        with pytest.raises(ValueError, match="JSON"):
            files.write_json(tmp_path / "a.json", {"loss": float(number)})
    assert files.read_json(tmp_path / "a.json") == {"Ενέργεια": 0.1}


def test_of_two_that_write_once_the_first_to_finish_stays_and_nothing_is_left_behind(tmp_path):
    path = tmp_path / "model"
    with files.write_once(path) as first, files.write_once(path) as second:
        for folder in (first, second):
            folder.mkdir()
        (second / "config").write_text("second")  # it is done first
        (first / "config").write_text("first")
    assert (path / "config").read_text() == "second"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_write_once_keeps_the_first_file(tmp_path):
    path = tmp_path / "features.npy"
    for content in ("first", "second"):
        with files.write_once(path) as tmp:
            tmp.write_text(content)
    assert path.read_text() == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["features.npy"]


def test_a_failed_write_once_raises_and_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError), files.write_once(tmp_path / "model"):
        pass
    assert not list(tmp_path.iterdir())
