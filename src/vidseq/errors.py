"""The errors that a user can fix: they end a command with one line instead of a traceback."""


class VidseqError(Exception):
    """Says in one line what is wrong, where, and what to do about it."""


class VideoError(VidseqError):
    """A video that cannot be read; the message is the reason alone, without the file's name."""
