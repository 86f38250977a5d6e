"""What training computes for all clips, kept in a temporary file instead of memory."""

from collections.abc import Iterable
from tempfile import TemporaryFile, gettempdir

import numpy as np

from vidseq.errors import VidseqError


def mapped(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """Return arrays (N_i, D) below one another, mapped from a temporary file: the system can take back their memory.

    The file is gone with the array. Raises VidseqError where there is no room for it.
    """
    try:
        with TemporaryFile() as file:
            for array_ND in arrays:
                file.write(array_ND.tobytes())
            file.flush()
            return np.asarray(np.memmap(file, array_ND.dtype, "r+")).reshape(-1, array_ND.shape[1])
    except OSError as error:
        raise VidseqError(
            f"{gettempdir()}: {error.strerror}; training keeps what it computes for all clips there: set TMPDIR to a "
            "folder with room"
        ) from error
