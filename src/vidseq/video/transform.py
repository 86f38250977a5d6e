"""A CNN's input from a video: frames converted, resized and cropped by FFmpeg in one go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vidseq.errors import VidseqError
from vidseq.video.read import decode_frames

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


class FrameTransformer:
    """Applies a FrameTransform to decoded frames. Raises VidseqError for an unknown interpolation."""

    def __init__(self, transform: FrameTransform):
        self.transform = transform
        self.graphs: dict[tuple[int, int, str], av.filter.Graph] = {}  # a video's size or pixel format may change

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """Return the CNN's input, RGB uint8 (3, size, size)."""
        source = (frame.width, frame.height, frame.format.name)
        if source not in self.graphs:
            self.graphs[source] = _filter_graph(*source, self.transform)
        self.graphs[source].push(frame)
        return self.graphs[source].pull().to_ndarray()


def read_inputs(path: Path, times: Sequence[float], transform: FrameTransform) -> Iterator[np.ndarray]:
    """Yield the frames of `read_frames`, transformed to RGB uint8 (3, size, size).

    Raises VideoError like `read_frames`, and VidseqError for an unknown interpolation.
    """
    transformer = FrameTransformer(transform)
    for frame, count in decode_frames(path, times):
        planes_3SS = transformer(frame)
        for _ in range(count):
            yield planes_3SS


def _filter_graph(width: int, height: int, pixel_format: str, transform: FrameTransform) -> av.filter.Graph:
    """Build FFmpeg's chain of filters from a frame as decoded to the planes R, G and B of the CNN's input."""
    if transform.interpolation not in SCALERS:
        raise VidseqError(
            f"features.backbone: no resizing by '{transform.interpolation}' here, only {', '.join(SCALERS)}"
        )
    scale = SCALERS[transform.interpolation]
    size, short_side = transform.size, min(width, height)
    wide, high = (max(transform.short, int(transform.short * side / short_side)) for side in (width, height))
    left, top = (round((side - size) / 2) for side in (wide, high))
    filters = {
        "format": "gbrp",
        # the planes are renamed to those of a format in which they are scaled one by one, without any colour conversion
        "mergeplanes": "map0p=2:map1p=0:map2p=1:format=yuv444p",
        # as Pillow does: horizontally first, rounded to whole levels, then vertically; only the latter must be told to
        # round
        "scale@horizontal": f"{wide}:{height}:{scale.format('')}",
        "crop@horizontal": f"{size}:{height}:{left}:0",
        "scale@vertical": f"{size}:{high}:{scale.format('+accurate_rnd')}",
        "crop@vertical": f"{size}:{size}:0:{top}",
        "buffersink": None,
    }
    graph = av.filter.Graph()
    graph.threads = 1
    last = graph.add_buffer(
        width=width, height=height, format=av.VideoFormat(pixel_format), time_base=Fraction(1, 1000)
    )
    for name, arguments in filters.items():
        step = graph.add(name.partition("@")[0], arguments)
        last.link_to(step)
        last = step
    graph.configure()
    return graph
