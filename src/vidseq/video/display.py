"""How a decoded frame is to be seen: upright, with square pixels, and the part of it that is wanted."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import atan2, degrees, hypot
from typing import Any

import av
import numpy as np

from vidseq.errors import VideoError

Crop = Sequence[float]  # x, y, width and height of a part of the upright frame, as fractions of the whole
Filters = list[tuple[str, str]]  # names of FFmpeg's filters, with their arguments
Chain = Callable[[int, int, Fraction, Crop | None], Filters]


class FrameFilters:
    """Passes frames through FFmpeg's filters: those that turn a frame upright, then those of `chain`.

    `chain` gets the upright frame's width and height, the aspect of its pixels, and the crop. Raises VideoError for a
    frame that FFmpeg cannot filter.
    """

    def __init__(self, chain: Chain, crop: Crop | None = None):
        self.chain, self.crop = chain, crop
        self.graphs: dict[tuple, av.filter.Graph] = {}  # a video's size, pixel format or rotation may change

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """Return what the filters make of a frame: of an RGB frame (H, W, 3), of planes (3, H, W)."""
        source = (frame.width, frame.height, frame.format.name, frame.opaque, frame.rotation)
        try:
            if source not in self.graphs:
                self.graphs[source] = self._build(frame)
            self.graphs[source].push(frame)
            return self.graphs[source].pull().to_ndarray()
        except av.error.FFmpegError as error:
            raise VideoError(f"a frame of {frame.width} x {frame.height} cannot be converted: {error}") from error

    def _build(self, frame: av.VideoFrame) -> av.filter.Graph:
        matrix: Any = frame.side_data.get("DISPLAYMATRIX")
        turn, sideways = ([], False) if matrix is None else upright(np.frombuffer(matrix, np.int32).tolist())
        opaque: Any = frame.opaque
        width, height, aspect = frame.width, frame.height, opaque or Fraction(1)
        if sideways:
            width, height, aspect = height, width, 1 / aspect
        graph = av.filter.Graph()
        graph.threads = 1
        last = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
        )
        for name, arguments in [*turn, *self.chain(width, height, aspect, self.crop), ("buffersink", "")]:
            step = graph.add(name, arguments or None)
            last.link_to(step)
            last = step
        graph.configure()
        return graph


def to_rgb(width: int, height: int, aspect: Fraction, crop: Crop | None) -> Filters:
    """Return the filters to RGB with square pixels; the longer side of a pixel sets the scale, so nothing is lost."""
    wide, high = round(width * max(aspect, Fraction(1))), round(height * max(1 / aspect, Fraction(1)))
    square = [("scale", f"{wide}:{high}")] if aspect != 1 else []
    cut, _, _ = crop_filter(wide, high, crop)
    return [*square, ("format", "rgb24"), *cut]


def crop_filter(width: int, height: int, crop: Crop | None) -> tuple[Filters, int, int]:
    """Return the filter that cuts out `crop`, and the width and height that are left: at least one pixel."""
    if crop is None:
        return [], width, height
    x, y, w, h = crop
    left, top = min(round(x * width), width - 1), min(round(y * height), height - 1)
    wide, high = max(round((x + w) * width) - left, 1), max(round((y + h) * height) - top, 1)
    return [("crop", f"{wide}:{high}:{left}:{top}")], wide, high


def upright(matrix: Sequence[int]) -> tuple[Filters, bool]:
    """Return the filters that apply a display matrix as ffmpeg does, and whether they exchange width and height."""
    a, b, _, c, d = matrix[:5]
    if not hypot(a, c) * hypot(b, d):
        return [], False  # it is no rotation
    angle = degrees(atan2(b / hypot(b, d), a / hypot(a, c)))
    quarters = round(angle / 90)
    if abs(angle - 90 * quarters) >= 1:
        return [("rotate", f"{angle}*PI/180")], False
    if quarters % 4 == 1:
        return [("transpose", "cclock_flip" if c > 0 else "clock")], True
    if quarters % 4 == 3:
        return [("transpose", "clock_flip" if c < 0 else "cclock")], True
    return [(flip, "") for flip, mirrored in (("hflip", a < 0), ("vflip", d < 0)) if mirrored], False
