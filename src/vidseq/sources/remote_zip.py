"""Single members of a zip archive at a URL, each by one HTTP range request; local archives are read alike."""

import io
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TypeVar

import aiohttp
import fsspec

from vidseq.errors import VidseqError

Answer = TypeVar("Answer")

WAITS_S = (1, 2, 4)  # before each further try
SILENCE_S = 30  # before a server is given up; a slow network may take its time
MAX_BYTES = 64 << 20  # of a file that is read as a whole
MAX_RATIO = 100  # of a member's size to its bytes in the archive
SMALLEST_ZIP = 22  # bytes
LOCAL_HEADER = 30  # bytes before the name and the extra field, at most 0xFFFF bytes each
HINT = (
    "try again (finished clips are kept), set data.ucf101.videos and data.ucf101.lists to local copies, "
    "or use data.source=folder (your own videos) or data.source=demo (needs no network)"
)


class ZipArchive:
    """A zip archive at an HTTP(S) URL or a local path; opening it reads its central directory alone.

    `size` is in bytes, `members` maps file names, without their folder and in lower case, to their directory entries.
    """

    def __init__(self, location: str) -> None:
        self.location = location
        self._fs = _filesystem(location)
        try:
            _retry(location, self._open)
        except zipfile.BadZipFile as error:
            raise VidseqError(f"{location} is not a zip archive") from error
        except ValueError as error:
            raise VidseqError(
                f"cannot read {location} (the server lacks support for range requests): {HINT}"
            ) from error

    def _open(self) -> None:
        self.size = self._fs.size(self.location)
        if self.size is not None and self.size < SMALLEST_ZIP:
            raise zipfile.BadZipFile
        with self._fs.open(self.location) as file:
            try:
                archive = zipfile.ZipFile(file)
            except zipfile.BadZipFile as error:
                if isinstance(error.__context__, OSError):  # zipfile takes a broken connection for a broken archive
                    raise error.__context__ from None
                raise
        infos = archive.infolist()
        self.members = {PurePosixPath(info.filename).name.lower(): info for info in infos}
        starts = sorted(info.header_offset for info in infos)
        self._ends = dict(pairwise([*starts, archive.start_dir]))

    def read(self, info: zipfile.ZipInfo) -> bytes:
        """Return a member's content, its CRC checked. Raises VidseqError if it cannot be read or is corrupt."""
        check_member(self.location, info)
        start = info.header_offset
        # the length of the extra field before the content is known only there, so read up to the next member
        end = min(self._ends[start], start + LOCAL_HEADER + 2 * 0xFFFF + info.compress_size)
        try:
            span = _retry(self.location, lambda: self._span(start, end))
            content = io.BytesIO(span[LOCAL_HEADER + sum(struct.unpack_from("<HH", span, 26)) :])
            with zipfile.ZipExtFile(content, "r", info) as member:
                return member.read()
        except (zipfile.BadZipFile, EOFError, ValueError, struct.error, zlib.error) as error:
            reason = str(error) or "it breaks off"
            raise VidseqError(f"{self.location}: {info.filename} cannot be unpacked: {reason}") from error

    def _span(self, start: int, end: int) -> bytes:
        # of a server that ignores the range, this reads no more than one block
        with self._fs.open(self.location, size=self.size, cache_type="none") as file:
            file.seek(start)
            return file.read(end - start)


def check_member(location: str, info: zipfile.ZipInfo) -> None:
    """Raise VidseqError for a member that could unpack to far more than it is; lists and videos never do."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise VidseqError(f"{location}: {info.filename} is neither stored nor deflated")
    if info.file_size > MAX_RATIO * info.compress_size:
        sizes = f"{info.compress_size} bytes that unpack to {info.file_size}"
        raise VidseqError(f"{location}: {info.filename} cannot be a video or a list ({sizes})")


def is_url(location: str) -> bool:
    """Tell a URL from a local path."""
    return location.startswith(("http://", "https://"))


def read_all(location: str) -> bytes:
    """Return the whole file at a URL or local path. Raises VidseqError if it cannot be read or is far too long."""

    def read() -> bytes:
        content = b""
        with _filesystem(location).open(location, block_size=0) as file:
            while len(content) <= MAX_BYTES and (part := file.read(1 << 20)):
                content += part
        return content

    content = _retry(location, read)
    if len(content) > MAX_BYTES:
        raise VidseqError(f"{location} has more than {MAX_BYTES} bytes: it cannot be an archive of lists")
    return content


def _filesystem(location: str) -> fsspec.AbstractFileSystem:
    if not is_url(location):
        return fsspec.filesystem("file")
    # of silence: a slow network may take its time
    timeout = aiohttp.ClientTimeout(sock_connect=15, sock_read=SILENCE_S)
    return fsspec.filesystem("https", client_kwargs={"timeout": timeout, "trust_env": True})  # proxy variables


def _retry(location: str, request: Callable[[], Answer]) -> Answer:
    """Return the answer to a request, which is sent again after a wait while network or server fail."""
    waits = iter(WAITS_S)
    while True:
        try:
            return request()
        except (aiohttp.ClientError, OSError) as error:
            cause = error.__cause__ if isinstance(error, FileNotFoundError) else error  # how fsspec wraps any failure
            status = getattr(cause, "status", None)
            passing = (
                status == 429 or status >= 500 if status else isinstance(cause, aiohttp.ClientError | TimeoutError)
            )
            wait_s = next(waits, None)
            if wait_s is None or not passing:
                reason = f"HTTP status {status}" if status else str(cause or "not found") or type(cause).__name__
                if isinstance(cause, aiohttp.TooManyRedirects):
                    reason = "it redirects without end"
                raise VidseqError(f"cannot read {location} ({reason}): {HINT}") from error
        time.sleep(wait_s)
