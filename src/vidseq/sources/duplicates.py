"""Clips that show nearly the same: perceptual hashes of a few frames."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

SIDE = 16  # a frame is hashed to SIDE x SIDE bits
FRAMES = 5  # of a clip, spread evenly over it
MAX_DISTANCE = 0.15  # of the bits; on UCF101, other clips differ in 0.24 at least, re-encoded ones in 0.1 at most
CHUNK = 1024  # clips compared at a time


def hash_frame(image_HW3: np.ndarray) -> np.ndarray:
    """Return whether each part of an RGB frame is brighter than the one to its left, as bool (SIDE * SIDE,).

    It is the difference hash, which a change of size, rate, brightness or quality leaves nearly as it is.
    """
    small = np.asarray(Image.fromarray(image_HW3).convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX), np.int16)
    return (np.diff(small, axis=1) > 0).ravel()


def near_pairs(hashes_NB: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Yield which rows of bits (bool) differ in at most MAX_DISTANCE of them: two indices and that fraction."""
    signs_NB = np.where(hashes_NB, np.float32(1), np.float32(-1))
    for start in range(0, len(signs_NB), CHUNK):
        differing_KN = (1 - signs_NB[start : start + CHUNK] @ signs_NB.T / signs_NB.shape[1]) / 2
        for row, other in np.argwhere(differing_KN <= MAX_DISTANCE):
            if start + row < other:
                yield int(start + row), int(other), float(differing_KN[row, other])
