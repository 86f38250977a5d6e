import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from vidseq.extraction.cache import DamagedError, FeatureCache


@pytest.fixture
def cache(tmp_path) -> FeatureCache:
    cache = FeatureCache(tmp_path / "cache")
    for age, key in enumerate(["aa0", "bb1", "bb2", "cc3"]):  # the last is the oldest
        cache.store(key, np.zeros((100, 10), np.float16))
        os.utime(cache.path(key), (1e9 - age,) * 2)
    return cache


SIZE = 128 + 2000 + 16  # bytes of one of them


def kept(cache: FeatureCache) -> list[str]:
    return sorted(path.stem for path in cache.folder.glob("*/*.npy"))


def test_what_is_stored_is_loaded_and_nothing_else_is_in_the_folder(cache):
    assert "aa0" in cache
    assert "aa1" not in cache
    assert cache.load("aa0").shape == (100, 10)
    assert [path.name for path in (cache.folder / "aa").iterdir()] == ["aa0.npy"]


def test_under_the_limit_nothing_is_evicted(cache):
    assert cache.trim(4 * SIZE, []) == (0, 0)
    assert len(kept(cache)) == 4


def test_what_was_used_longest_ago_goes_first(cache):
    cache.load("cc3")
    assert cache.trim(2 * SIZE + 1, []) == (2, 2 * SIZE)
    assert kept(cache) == ["aa0", "cc3"]


def test_what_the_run_needs_stays_even_above_the_limit(cache):
    assert cache.trim(1, ["cc3", "bb1"])[0] == 2
    assert kept(cache) == ["bb1", "cc3"]


def test_what_a_killed_process_left_is_removed_after_a_day_and_not_before(cache):
    old, new = (cache.folder / "aa" / f".{name}.partial" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 25 * 3600,) * 2)
    cache.trim(10**9, [])
    assert not old.exists()
    assert new.exists()


def test_storing_the_same_key_twice_keeps_the_first(cache):
    cache.store("aa0", np.ones((1, 10), np.float16))  # the first one stays
    assert cache.load("aa0").shape == (100, 10)
    assert not list(cache.folder.glob("*/.*"))


def flip(content: bytes, bit: int) -> bytes:
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


DAMAGE = {
    "a bit of the header": lambda content: flip(content, 100),
    "a bit of the array": lambda content: flip(content, 8 * 1000 + 3),
    "a bit of the checksum": lambda content: flip(content, -1 + 8 * len(content)),
    "truncated": lambda content: content[:-1],
    "shorter than a checksum": lambda content: content[:7],
    "empty": lambda content: b"",
    "longer": lambda content: content + b"\0",
    "as another program saves it": lambda content: content[:-16],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_never_used_and_is_removed(cache, damage):
    path = cache.path("aa0")
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(DamagedError, match=r"aa0\.npy was damaged"):
        cache.load("aa0")
    assert "aa0" not in cache


READS = """
import sys
from pathlib import Path
from vidseq.extraction.cache import FeatureCache

with FeatureCache(Path(sys.argv[1])).in_use():
    print("reading", flush=True)
    sys.stdin.read()
"""


def test_nothing_is_evicted_that_another_process_is_about_to_read_and_a_killed_one_holds_nothing_back(cache):
    command = [sys.executable, "-c", READS, cache.folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout.readline() == b"reading\n"
        with cache.in_use():  # of any number at a time
            pass
        assert cache.trim(0, []) == (0, 0)
        reader.send_signal(signal.SIGKILL)
    assert cache.trim(0, ["bb1"])[0] == 3
    assert kept(cache) == ["bb1"]
