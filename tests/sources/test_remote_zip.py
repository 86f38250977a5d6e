"""Archives and servers that are broken or mean harm, on loopback."""

import random
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sources.range_server import RangeServer, serve

from vidseq.errors import VidseqError
from vidseq.sources import remote_zip
from vidseq.sources.remote_zip import ZipArchive, read_all

CLIP = random.Random(0).randbytes(200_000)
NAME = "v_a_g01_c01.avi"  # in lower case, as members are found


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RangeServer]:
    """Serves a.zip, in which the clip lies between two others."""
    monkeypatch.setattr(remote_zip, "WAITS_S", (0.01,))
    monkeypatch.setattr(remote_zip, "SILENCE_S", 0.3)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("a.avi", NAME, "z.avi"):
            archive.writestr(name, CLIP)
    with serve(tmp_path) as running:
        yield running
        running.goes_on.set()


def refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(VidseqError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_server_that_stalls_is_left_after_a_while(server: RangeServer) -> None:
    archive = ZipArchive(server.url("a.zip"))
    server.goes_on.clear()
    refused(lambda: archive.read(archive.members[NAME]), "cannot read .*imeout")
    refused(lambda: ZipArchive(server.url("a.zip")), "cannot read .*imeout")
    refused(lambda: read_all(server.url("a.zip")), "cannot read .*imeout")


def test_a_server_that_lies_about_the_length(server: RangeServer) -> None:
    archive = ZipArchive(server.url("a.zip"))
    server.short = 10
    refused(lambda: archive.read(archive.members[NAME]), "cannot read .*ayload")
    refused(lambda: read_all(server.url("a.zip")), "cannot read .*ayload")


def test_a_server_that_comes_to_ignore_ranges_is_left(
    server: RangeServer,
) -> None:
    archive = ZipArchive(server.url("a.zip"))
    server.ranges_left = server.sent = 0
    refused(lambda: archive.read(archive.members[NAME]), "range requests")


def test_a_server_that_redirects_in_circles(server: RangeServer) -> None:
    server.redirects = True
    refused(lambda: ZipArchive(server.url("a.zip")), "cannot read .*redirects")
    refused(lambda: read_all(server.url("a.zip")), "cannot read .*redirects")


def test_a_file_without_end_is_not_read_to_its_end(server: RangeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_zip, "MAX_BYTES", 300_000)
    refused(lambda: read_all(server.url("a.zip")), "more than 300000 bytes")
    monkeypatch.setattr(remote_zip, "MAX_BYTES", 700_000)
    assert read_all(server.url("a.zip")) == (server.folder / "a.zip").read_bytes()


def archive_of(folder: Path, name: str, content: bytes, method: int) -> Path:
    path = folder / "local.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("method", "message"),
    [(zipfile.ZIP_DEFLATED, "20000000"), (zipfile.ZIP_BZIP2, "neither stored"), (zipfile.ZIP_LZMA, "neither stored")],
)
def test_a_bomb_is_not_unpacked(tmp_path: Path, method: int, message: str) -> None:
    archive = ZipArchive(str(archive_of(tmp_path, NAME, bytes(20_000_000), method)))
    refused(lambda: archive.read(archive.members[NAME]), message)


@pytest.mark.parametrize("size", [0, 10, 150_000, 250_000, 0xFFFFFF])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("field", [20, 24])  # of the directory: the size in the archive, the size of the content
def test_a_member_that_lies_about_its_size(tmp_path: Path, size: int, method: int, field: int) -> None:
    path = archive_of(tmp_path, NAME, CLIP, method)
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(b"PK\1\2") + field, size)
    path.write_bytes(content)

    def read() -> bytes:
        archive = ZipArchive(str(path))
        return archive.read(archive.members[NAME])

    try:
        assert read() == CLIP
    except VidseqError as error:
        assert re.search("cannot be unpacked|cannot be a video|not a zip archive", str(error))  # noqa: PT017


def test_a_member_with_an_absolute_name_or_that_is_a_link_is_a_name_and_bytes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(f"/etc/../../{NAME}", CLIP)
        link = zipfile.ZipInfo("link.avi")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    read = ZipArchive(str(tmp_path / "a.zip"))
    assert sorted(read.members) == ["link.avi", NAME]
    assert read.read(read.members[NAME]) == CLIP
    assert read.read(read.members["link.avi"]) == b"/etc/passwd"


@pytest.mark.parametrize("cut", [1, 100, 300_000])
def test_a_truncated_archive(tmp_path: Path, cut: int) -> None:
    path = archive_of(tmp_path, NAME, CLIP * 2, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes()[:-cut])
    refused(lambda: ZipArchive(str(path)), "not a zip archive")


def test_an_archive_whose_member_begins_elsewhere(tmp_path: Path) -> None:
    path = archive_of(tmp_path, NAME, CLIP, zipfile.ZIP_STORED)
    for offset in (1, 100_000, 0x7FFFFFFF):
        content = bytearray(path.read_bytes())
        struct.pack_into("<I", content, content.index(b"PK\1\2") + 42, offset)
        (tmp_path / "moved.zip").write_bytes(content)

        def read() -> bytes:
            archive = ZipArchive(str(tmp_path / "moved.zip"))
            return archive.read(archive.members[NAME])

        refused(read, "cannot be unpacked|not a zip archive|cannot read")
