"""Reading video files: when each frame is shown, and the frames on display at given times. FFmpeg through PyAV."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from vidseq.errors import VideoError
from vidseq.video.display import Crop, FrameFilters, to_rgb
from vidseq.video.packets import (
    MAX_TAIL_S,
    ROUNDING_S,
    Packets,
    can_skip,
    count_frames,
    decode_chosen,
    frame_interval,
    read_packets,
)

SUFFIXES = frozenset({".avi", ".mp4", ".m4v", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".ogv"})
FORMATS = "avi,mov,matroska,mpeg,mpegvideo,m4v,asf,flv,mpegts,ogg"  # those of SUFFIXES, in FFmpeg
MAX_PIXELS = 2**26  # of a frame: 8192 x 8192, twice those of 8K video
REMEMBERED_FILES = 8  # whose packets are held
_remembered: dict[tuple, Packets] = {}  # in the order of their last use
# no other file, no network, and no format that is a list of other files, whatever a file contains
SAFE = {"protocol_whitelist": "file", "format_whitelist": FORMATS, "max_pixels": str(MAX_PIXELS)}


@contextmanager
def _open(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Open the video stream of a file; whatever cannot be done becomes a VideoError with its reason."""
    with readable(), _open_container(path) as container:
        yield container, video_stream(container)


@contextmanager
def readable() -> Iterator[None]:
    """Turn what FFmpeg or the file system cannot do into a VideoError with the reason."""
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(getattr(error, "strerror", None) or str(error)) from error


def video_stream(container: av.container.InputContainer) -> av.VideoStream:
    """Return the video stream that FFmpeg finds best, ready to be decoded. Raises VideoError if there is none."""
    stream = container.streams.best("video")
    # a picture that is attached is the cover of a song
    if not isinstance(stream, av.VideoStream) or Disposition.attached_pic in stream.disposition:
        raise VideoError("it has no video stream")
    if stream.codec_context is None:
        raise VideoError("FFmpeg has no decoder for its codec")
    _check_size(stream)
    stream.codec_context.options = {"max_pixels": SAFE["max_pixels"]}  # the size may change
    stream.codec_context.thread_count = 1  # clips are decoded in parallel; threads within one double the cost
    return stream


def _open_container(path: Path) -> av.container.InputContainer:
    try:
        return av.open(f"file:{path}", options=SAFE)
    except av.error.ArgumentError as error:
        raise VideoError(f"it is in none of the formats that are read: {FORMATS.replace(',', ', ')}") from error


def _check_size(stream: av.VideoStream) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    aspect = stream.sample_aspect_ratio or 1
    if not 0 < width * height * max(aspect, 1 / aspect) <= MAX_PIXELS:
        size = f"{width} x {height} pixels of aspect {aspect}" if width * height else "no known size"
        raise VideoError(f"its frames have {size}; at most {MAX_PIXELS / 1e6:.0f} million square pixels are read")


def is_video(file: Path, root: Path) -> bool:
    """Return whether a file in the folder `root` is a video by its suffix, not hidden, and not in a hidden folder."""
    hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
    return file.suffix.lower() in SUFFIXES and not hidden and not file.is_dir()


def frame_timestamps(path: Path) -> np.ndarray:
    """Return when each frame is shown, in seconds from the first one, ascending, as float64 (N,).

    Reads all packets but decodes only the first frame, to see that it can be decoded, unless packets do not say when
    their frames are shown. The frame rate may vary. Raises VideoError when the file cannot be read, has no frames or
    is cut off.
    """
    with _open(path) as (container, stream):
        packets = read_packets(container, stream)
        if not packets.is_shown_P.any():
            raise VideoError("it has no frames")
        listed, stored = count_frames(container, stream, packets)
        if (listed - stored) * frame_interval(stream) > MAX_TAIL_S:
            raise VideoError(f"it is cut off: {stored} of {listed} frames are left")
    with _open(path) as (container, stream):
        frames = _decode(container, stream)
        _, first = next(frames, (0.0, None))
        if first is None:
            raise VideoError("no frame can be decoded")
        pts_N = packets.pts_P[packets.is_shown_P]
        if np.isnan(pts_N).any() or first.pts is None or first.pts > pts_N.max():
            return np.array([0.0, *(seconds for seconds, _ in frames)])
        assert stream.time_base is not None  # as of every stream of an open file
        pts_N = np.sort(pts_N[pts_N >= first.pts])  # what comes before depends on what is not in the file
        return (pts_N - pts_N[0]) * float(stream.time_base)


def read_frames(path: Path, times: Sequence[float], crop: Crop | None = None) -> Iterator[np.ndarray]:
    """Yield the frame on display at each of the ascending `times` (s from the first frame) as RGB uint8 (H, W, 3).

    It is upright, has square pixels, and is cropped to `crop`. One frame is held at a time, whatever the length of the
    video. Raises VideoError when decoding fails or the video ends before the last time.
    """
    rgb = FrameFilters(to_rgb, crop)
    for frame, count in decode_frames(path, times):
        image_HW3 = rgb(frame)
        for _ in range(count):
            yield image_HW3


def decode_frames(path: Path, times: Sequence[float]) -> Iterator[tuple[av.VideoFrame, int]]:
    """Yield each frame on display at any of the ascending `times`, as it is stored, and at how many of them.

    The `opaque` of a frame is the aspect of its pixels, if they are not square. Frames that no wanted frame depends on
    are not decoded, as far as the timestamps of the packets tell which these are. Raises VideoError like `read_frames`.
    """
    done = 0
    with _open(path) as (container, stream):
        if not can_skip(container, stream, times):
            yield from _decode_all(container, stream, times)
            return
        for frame, count in decode_chosen(container, stream, _packets_of(path, container, stream), times):
            yield with_aspect(frame, stream), count
            done += count
    if done < len(times):  # the packets do not tell after all
        with _open(path) as (container, stream):
            yield from _decode_all(container, stream, times[done:])


def _packets_of(path: Path, container: av.container.InputContainer, stream: av.VideoStream) -> Packets:
    """Return all packets of a file; those of the last files are remembered, since a long one is read in many parts."""
    status = path.stat()
    key = (path, status.st_mtime_ns, status.st_size)
    packets = _remembered.pop(key, None) or read_packets(container, stream, by_index=True)
    _remembered[key] = packets
    for old in list(_remembered)[:-REMEMBERED_FILES]:
        _remembered.pop(old, None)
    return packets


def stream_frames(path: Path) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yield all frames as they are decoded, each with the time at which it begins (s from the first one).

    Raises VideoError when the file cannot be read.
    """
    with _open(path) as (container, stream):
        yield from _decode(container, stream)


def _decode_all(
    container: av.container.InputContainer, stream: av.VideoStream, times: Sequence[float]
) -> Iterator[tuple[av.VideoFrame, int]]:
    """Yield like `decode_frames`, but decode all frames and go by their own timestamps, as `shown_frames` does."""
    held: tuple[float, av.VideoFrame] | None = None
    done = 0
    for begin, frame in _decode(container, stream):
        over = bisect_left(times, begin - ROUNDING_S)
        if held is not None and over > done:
            yield held[1], over - done
            done = over
        held = begin, frame
        if times[-1] < begin - ROUNDING_S:
            break
    if held is None:
        raise VideoError("no frame can be decoded")
    if times[-1] - held[0] > MAX_TAIL_S:
        raise VideoError(f"decoding breaks off at {held[0]:.2f} s, before the frame at {times[-1]:.2f} s")
    if done < len(times):
        yield held[1], len(times) - done


def _decode(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yield every frame with the time at which it begins, in s from the first one, ascending."""
    clock = FrameClock(container, stream)
    for packet in container.demux(stream):
        for frame in packet.decode():
            yield clock.time_of(frame), with_aspect(frame, stream)


class FrameClock:
    """Tells when each frame begins, in the order in which they are decoded.

    `first` is when the first one does, in s of the stream's own clock, None before it.
    """

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream):
        self.in_order = container.format.name == "avi"  # it says when to decode a frame, not when to show it
        self.stream = stream
        self.first: float | None = None
        self.last: float | None = None

    def time_of(self, frame: av.VideoFrame) -> float:
        """Return when the next frame begins, in s from the first one.

        Where the file does not say when, or says that it is before the frame before it, it is one mean interval after
        that.
        """
        assert self.stream.time_base is not None
        stamp = frame.dts if self.in_order else frame.pts
        now = None if stamp is None else stamp * self.stream.time_base.numerator / self.stream.time_base.denominator
        if now is None or (self.last is not None and now < self.last):
            now = 0.0 if self.last is None else self.last + frame_interval(self.stream)
        self.first, self.last = now if self.first is None else self.first, now
        return now - self.first


def with_aspect(frame: av.VideoFrame, stream: av.VideoStream) -> av.VideoFrame:
    """Return the frame with the aspect of its pixels as `opaque`, if they are not square."""
    aspect = stream.sample_aspect_ratio
    if aspect and aspect != 1:
        frame.opaque = aspect
    return frame
