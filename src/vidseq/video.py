"""The only module that knows a video codec: frame times, frames at given times, and encoding. FFmpeg through PyAV."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vidseq.errors import VideoError, VidseqError

SUFFIXES = frozenset({".avi", ".mp4", ".m4v", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".ogv"})
QUANTISER = 4  # of encoded video, 1 (best) to 31
TAIL_S = 0.25  # a stream may end this much before its container says; more is a damaged file
REORDERED = 20  # frames; no codec shows a frame later than this after it was stored
EXACT_STAMPS = ("mov", "matroska")  # containers that store when each frame is shown, also where frames are reordered
SCALERS = {  # timm's name of an interpolation: FFmpeg's, with the kernel that Pillow has
    "bicubic": "flags=bicubic+bitexact{}:param0=0:param1=0.5",
    "bilinear": "flags=bilinear+bitexact{}",
    "lanczos": "flags=lanczos+bitexact{}:param0=3",
    "nearest": "flags=neighbor+bitexact{}",
}


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
    for frame, count in _shown(path, times):
        image_HW3 = frame.to_ndarray(format="rgb24")
        for _ in range(count):
            yield image_HW3


@dataclass(frozen=True)
class Fit:
    """What a CNN wants of a frame: its short side resized to `short`, then the middle `size` x `size` of it.

    The result is Pillow's, which timm's own transform uses, but for a rounding error in a few pixels in a thousand.
    """

    short: int
    size: int
    interpolation: str


def read_inputs(path: Path, times: Sequence[float], fit: Fit) -> Iterator[np.ndarray]:
    """Yield the frames of `read_frames`, converted, resized and cropped at once to RGB uint8 (3, size, size)."""
    shape, graph = None, None
    for frame, count in _shown(path, times):
        if shape != (frame.width, frame.height, frame.format.name):
            shape = (frame.width, frame.height, frame.format.name)
            graph = _fitting(*shape, fit)
        graph.push(frame)
        planes_3SS = graph.pull().to_ndarray()
        for _ in range(count):
            yield planes_3SS


def _fitting(width: int, height: int, pixel_format: str, fit: Fit) -> av.filter.Graph:
    """Build FFmpeg's chain of filters from a frame as decoded to the planes R, G and B of the CNN's input."""
    if fit.interpolation not in SCALERS:
        raise VidseqError(f"features.backbone: no resizing by '{fit.interpolation}' here, only {', '.join(SCALERS)}")
    scale = SCALERS[fit.interpolation]
    wide, high = (max(fit.short, int(fit.short * side / min(width, height))) for side in (width, height))
    left, top = (round((side - fit.size) / 2) for side in (wide, high))
    filters = {
        "format": "gbrp",
        # the planes are renamed to those of a format in which they are scaled one by one, without any colour conversion
        "mergeplanes": "map0p=2:map1p=0:map2p=1:format=yuv444p",
        # as Pillow does: across first, rounded to whole levels, then down; only the latter needs to be told to round
        "scale@across": f"{wide}:{height}:{scale.format('')}",
        "crop@across": f"{fit.size}:{height}:{left}:0",
        "scale@down": f"{fit.size}:{high}:{scale.format('+accurate_rnd')}",
        "crop@down": f"{fit.size}:{fit.size}:0:{top}",
        "buffersink": None,
    }
    graph = av.filter.Graph()
    graph.threads = 1
    last = graph.add_buffer(width=width, height=height, format=pixel_format, time_base=Fraction(1, 1000))
    for name, arguments in filters.items():
        step = graph.add(name.partition("@")[0], arguments)
        last.link_to(step)
        last = step
    graph.configure()
    return graph


def _shown(path: Path, times: Sequence[float], sparing: bool = True) -> Iterator[tuple[av.VideoFrame, int]]:
    """Yield each frame that is shown at any of the ascending `times`, and at how many of them.

    If `sparing`, what no time needs is not decoded: frames on which no other depends, and all up to the last keyframe
    before a long gap. Whenever that could have changed which frame is chosen, all is decoded instead.
    """
    with _open(path) as (container, stream):
        stream.codec_context.thread_count = 1  # clips are decoded side by side; threads in one cost twice the time
        half = float(1 / stream.average_rate) / 2 if stream.average_rate else 0.0
        exact = container.format.name.startswith(EXACT_STAMPS) or not stream.codec_context.has_b_frames
        sparing = sparing and exact and half > 0
        keys = _keyframes(stream, times, 2 * half * REORDERED) if sparing else []
        first, frame, now, done = None, None, 0.0, 0
        sought, landing = -1, False
        for packet in container.demux(stream):
            if sparing and stream.codec_context.has_b_frames and first is not None and packet.pts is not None:
                near = _near(times, float(packet.pts * stream.time_base) - first, half)
                stream.codec_context.skip_frame = "DEFAULT" if near else "NONREF"
            for frame in packet.decode():
                first = frame.time if first is None else first
                now = frame.time - first
                start = done
                while done < len(times) and now > times[done] - half:
                    done += 1
                late = done > start and now > times[start] + half
                if sparing and ((late and first != frame.time) or frame.is_corrupt or (landing and done > start)):
                    yield from _shown(path, times[start:], sparing=False)
                    return
                landing = False
                if done > start:
                    yield frame, done - start
                if done == len(times):
                    return
            if keys and first is not None and packet.dts is not None:
                wanted = (times[done] + first - 2 * half * REORDERED) / stream.time_base
                key = keys[max(bisect_right(keys, wanted) - 1, 0)]
                if key > max(packet.dts, sought) and key <= wanted:
                    container.seek(key, stream=stream)
                    sought, landing = key, True
        if sparing:  # it ends before the last time: only a full reading can tell where
            yield from _shown(path, times[done:], sparing=False)
            return
        if frame is None:
            raise VideoError("no frame can be decoded")
        if times[-1] - now > TAIL_S:
            raise VideoError(f"decoding breaks off at {now:.2f} s, before the frame at {times[-1]:.2f} s")
        yield frame, len(times) - done


def _keyframes(stream: av.VideoStream, times: Sequence[float], gap: float) -> list[int]:
    """Return the stamps of the keyframes that the container lists, if any two `times` are more than `gap` s apart."""
    if np.diff(times, prepend=0.0).max() <= gap:
        return []
    return [entry.timestamp for entry in stream.index_entries if entry.is_keyframe]


def _near(times: Sequence[float], now: float, half: float) -> bool:
    """Tell whether a frame at `now` can be the one shown at any of the ascending `times`."""
    index = bisect_left(times, now - 1.01 * half)
    return index < len(times) and times[index] <= now + 1.01 * half


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
