"""The errors that a user can fix: they end a command with one line instead of a traceback."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# what a file system refuses, which no code can fix: a full disk or quota, a limit, missing rights, a broken disk
REFUSALS = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO", "ENAMETOOLONG", "ENOTDIR")
    if hasattr(errno, name)
}


class VidseqError(Exception):
    """Says in one line what is wrong, where, and what to do about it."""


class VideoError(VidseqError):
    """A video that cannot be read; the message is the reason alone, without the file's name."""


@contextmanager
def one_line() -> Iterator[None]:
    """End the process with one line and exit status 1 where the block raises what the user can fix."""
    try:
        yield
    except VidseqError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno not in REFUSALS or error.filename is None:
            raise
        sys.exit(f"error: {error.filename}: {error.strerror}")
