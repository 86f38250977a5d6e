"""A CNN's input from a video: frames converted, resized and cropped by FFmpeg in one go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from vidseq.errors import VideoError, VidseqError
from vidseq.video.display import Crop, Filters, FrameFilters, crop_filter
from vidseq.video.read import MAX_PIXELS, decode_frames

SCALERS = {  # timm's name of an interpolation: FFmpeg's, with the kernel that Pillow has
    "bicubic": "flags=bicubic+bitexact{}:param0=0:param1=0.5",
    "bilinear": "flags=bilinear+bitexact{}",
    "lanczos": "flags=lanczos+bitexact{}:param0=3",
    "nearest": "flags=neighbor+bitexact{}",
}


@dataclass(frozen=True)
class FrameTransform:
    """What a CNN expects of a frame: its short side resized to `short` pixels, then a centre crop of `size` x `size`.

    `interpolation` is a key of SCALERS. The result is that of Pillow, which timm's own transform uses, but for a
    rounding error in a few pixels in a thousand.
    """

    short: int
    size: int
    interpolation: str


class FrameTransformer(FrameFilters):
    """Turns decoded frames, or the part `crop` of them, into the CNN's input: RGB uint8 (3, size, size).

    Raises VidseqError for an unknown interpolation.
    """

    def __init__(self, transform: FrameTransform, crop: Crop | None = None):
        super().__init__(partial(_filters, transform), crop)


def read_inputs(
    path: Path, times: Sequence[float], transform: FrameTransform, crop: Crop | None = None
) -> Iterator[np.ndarray]:
    """Yield the frames of `read_frames`, transformed to RGB uint8 (3, size, size).

    Raises VideoError like `read_frames`, and VidseqError for an unknown interpolation.
    """
    transformer = FrameTransformer(transform, crop)
    for frame, count in decode_frames(path, times):
        planes_3SS = transformer(frame)
        for _ in range(count):
            yield planes_3SS


def _filters(transform: FrameTransform, width: int, height: int, aspect: Fraction, crop: Crop | None) -> Filters:
    """Return FFmpeg's filters from an upright frame to the planes R, G and B of the CNN's input."""
    if transform.interpolation not in SCALERS:
        raise VidseqError(
            f"features.backbone: no resizing by '{transform.interpolation}' here, only {', '.join(SCALERS)}"
        )
    scale = SCALERS[transform.interpolation]
    cut, width, height = crop_filter(width, height, crop)
    size, shape = transform.size, (width * aspect, Fraction(height))  # measured in the heights of a pixel
    wide, high = (max(transform.short, int(transform.short * side / min(shape))) for side in shape)
    if wide * high > MAX_PIXELS:
        raise VideoError(f"its frames are too narrow: {width} x {height} pixels of aspect {aspect}")
    left, top = (round((side - size) / 2) for side in (wide, high))
    return [
        ("format", "gbrp"),
        *cut,
        # the planes are renamed to those of a format in which they are scaled one by one, without any colour conversion
        ("mergeplanes", "map0p=2:map1p=0:map2p=1:format=yuv444p"),
        # as Pillow does: horizontally first, rounded to whole levels, then vertically; only the latter must be told to
        # round
        ("scale", f"{wide}:{height}:{scale.format('')}"),
        ("crop", f"{size}:{height}:{left}:0"),
        ("scale", f"{size}:{high}:{scale.format('+accurate_rnd')}"),
        ("crop", f"{size}:{size}:0:{top}"),
    ]
