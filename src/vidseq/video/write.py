"""Writing video files. FFmpeg through PyAV."""

from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np

QUANTISER = 4  # 1 (best) to 31


def write_video(path: Path, frames: Iterable[np.ndarray], fps: int) -> None:
    """Write RGB uint8 frames (H, W, 3) as MPEG-4, the codec of UCF101, in the container that the suffix names.

    The same frames give the same bytes: one thread, a fixed quantiser, no date in the file.
    """
    images = iter(frames)
    first = next(images)
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=fps, options={"flags": "+bitexact+qscale"})
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, fps)
        stream.codec_context.thread_count = 1
        stream.codec_context.global_quality = QUANTISER * 118  # FFmpeg's FF_QP2LAMBDA
        for image in chain([first], images):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
