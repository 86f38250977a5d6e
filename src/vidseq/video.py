"""The only module that knows a video codec: frame times, frames at given times, and encoding. FFmpeg through PyAV."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vidseq.errors import VideoError

SUFFIXES = frozenset({".avi", ".mp4", ".m4v", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".ogv"})
QUANTISER = 4  # of encoded video, 1 (best) to 31
TAIL_S = 0.25  # a stream may end this much before its container says; more is a damaged file


@contextmanager
def _open(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Open the first video stream; whatever FFmpeg cannot do becomes a VideoError with its reason."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError("it has no video stream")
            yield container, container.streams.video[0]
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(getattr(error, "strerror", None) or str(error)) from error


def frame_times(path: Path) -> np.ndarray:
    """Return when each frame is shown, in seconds from the first one, ascending, as float64 (N,).

    Reads the packets without decoding them, then decodes one frame to see that it can be done. Works alike for steady
    and variable rates. Raises VideoError when there is no frame to be had.
    """
    with _open(path) as (container, stream):
        stamps = [packet.dts if packet.pts is None else packet.pts for packet in container.demux(stream)]
        times = np.sort(np.array([stamp for stamp in stamps if stamp is not None], dtype=np.float64))
        if not len(times):
            raise VideoError("it has no frames")
        seconds = (times - times[0]) * float(stream.time_base)
        lost = stream.frames - len(times)  # the container's own count, 0 where it keeps none
        if stream.average_rate and lost / stream.average_rate > TAIL_S:
            raise VideoError(f"it is cut off: {len(times)} of {stream.frames} frames are left")
    next(read_frames(path, [0.0]))
    return seconds


def read_frames(path: Path, times: Sequence[float]) -> Iterator[np.ndarray]:
    """Yield the frame shown at each of the ascending `times` (s from the first frame) as RGB uint8 (H, W, 3).

    One frame is held at a time, whatever the length of the video. Raises VideoError when the stream breaks off.
    """
    with _open(path) as (container, stream):
        stream.thread_type = "AUTO"
        half = float(1 / stream.average_rate) / 2 if stream.average_rate else 0.0
        first, frame, now, done = None, None, 0.0, 0
        for frame in container.decode(stream):
            first = frame.time if first is None else first
            now = frame.time - first
            image = None
            while done < len(times) and now > times[done] - half:
                image = frame.to_ndarray(format="rgb24") if image is None else image
                yield image
                done += 1
            if done == len(times):
                return
        if frame is None:
            raise VideoError("no frame can be decoded")
        if times[-1] - now > TAIL_S:
            raise VideoError(f"decoding breaks off at {now:.2f} s, before the frame at {times[-1]:.2f} s")
        for _ in times[done:]:
            yield frame.to_ndarray(format="rgb24")


def encode(path: Path, frames: Iterable[np.ndarray], fps: int) -> None:
    """Write RGB uint8 frames (H, W, 3) as MPEG-4, the codec of UCF101, in the container that the suffix names.

    The same frames give the same bytes: one thread, a fixed quantiser, no time stamps in the file.
    """
    frames = iter(frames)
    image = next(frames)
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=fps, options={"flags": "+bitexact+qscale"})
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, fps)
        stream.codec_context.thread_count = 1
        stream.codec_context.global_quality = QUANTISER * 118  # FFmpeg's FF_QP2LAMBDA
        while image is not None:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            image = next(frames, None)
        container.mux(stream.encode())
