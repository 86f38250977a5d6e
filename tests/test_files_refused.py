"""What `files` does when the power fails or the file system refuses."""

import os
import re
import subprocess
import sys

import pytest

from vidseq import files


@pytest.mark.parametrize("write", ["atomic_write", "write_once"])
def test_what_is_written_is_on_the_disk_before_it_is_renamed(tmp_path, monkeypatch, write):
    path, synced = tmp_path / "model", []
    sync = os.fsync

    def record(number):
        synced.append((os.fstat(number).st_size, path.exists()))
        sync(number)

    monkeypatch.setattr("os.fsync", record)
    with getattr(files, write)(path) as folder:
        folder.mkdir()
        (folder / "inner").mkdir()
        (folder / "weights").write_text("1")
        (folder / "inner" / "config").write_text("22")
        (folder / "link").symlink_to("nowhere")
    assert sorted(synced) == [(1, False), (2, False)]


# A limit on the size of files stands in for a full disk, and numpy for the libraries that hide what the system said.
REFUSED = """
import os, resource, sys
from pathlib import Path
import numpy as np
from vidseq import files
from vidseq.errors import one_line

path = Path(sys.argv[1])
if sys.argv[2] == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
elif os.getuid() == 0:
    os.setuid(65534)  # who may write nothing here; root may write anywhere
with one_line(), getattr(files, sys.argv[3])(path) as tmp:
    if sys.argv[4] == "folder":
        tmp.mkdir()
        np.save(tmp / "features.npy", np.zeros(1_000_000))
    elif sys.argv[4] == "python":
        tmp.write_bytes(bytes(1_000_000))
    else:
        raise RuntimeError("basic_ios::clear: iostream error")
"""


@pytest.mark.parametrize("write", ["atomic_write", "write_once"])
@pytest.mark.parametrize("content", ["folder", "python", "library"])
@pytest.mark.parametrize(("how", "reason"), [("limit", "File too large"), ("rights", "Permission denied")])
def test_what_the_file_system_refuses_ends_in_one_line_that_names_the_path(tmp_path, write, content, how, reason):
    path = tmp_path / "closed" / "out"
    path.parent.mkdir()
    path.write_text("old")
    if how == "rights":
        path.parent.chmod(0o555)
    command = [sys.executable, "-c", REFUSED, str(path), how, write, content]
    done = subprocess.run(command, text=True, capture_output=True)
    path.parent.chmod(0o755)
    assert done.returncode == 1
    assert re.fullmatch(f"error: {path.parent}.*: {reason}\n", done.stderr), done.stderr
    assert [entry.name for entry in path.parent.iterdir()] == ["out"]
    assert path.read_text() == "old"


def test_an_error_of_the_code_itself_keeps_its_traceback(tmp_path):
    with pytest.raises(ZeroDivisionError), files.atomic_write(tmp_path / "a"):
        1 / 0  # noqa: B018
    assert not list(tmp_path.iterdir())
