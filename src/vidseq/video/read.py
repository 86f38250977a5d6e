"""Reading video files: when each frame is shown, and the frames shown at given times. FFmpeg through PyAV."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np

from vidseq.errors import VideoError

SUFFIXES = frozenset({".avi", ".mp4", ".m4v", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".ogv"})
MAX_TAIL_S = 0.25  # a stream may end this much before its container says; more is a damaged file
ROUNDING_S = 1e-6  # timestamps that differ by less are the same
MIN_SEEK = 20  # frames; to skip fewer than this, a seek costs more than it saves


@contextmanager
def _open(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Open the first video stream; whatever FFmpeg cannot do becomes a VideoError with its reason."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError("it has no video stream")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise VideoError("FFmpeg has no decoder for its codec")
            stream.codec_context.thread_count = 1  # clips are decoded in parallel; threads within one double the cost
            yield container, stream
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(getattr(error, "strerror", None) or str(error)) from error


def frame_timestamps(path: Path) -> np.ndarray:
    """Return when each frame is shown, in seconds from the first one, ascending, as float64 (N,).

    Reads all packets but decodes only the first frame, to see that it can be decoded. The frame rate may vary.
    Raises VideoError when the file cannot be read, has no frames or is cut off.
    """
    with _open(path) as (container, stream):
        stamps, stored = [], 0
        for packet in container.demux(stream):
            stamp = packet.dts if packet.pts is None else packet.pts
            if stamp is not None:
                stored += 1
                if not packet.is_discard:  # where a video is trimmed, frames to decode but not to show
                    stamps.append(stamp)
        if not stamps:
            raise VideoError("it has no frames")
        listed = stream.frames  # the container's own count, 0 where it keeps none
        if container.format.name.startswith("mov"):  # it counts what was trimmed away too, but does not list it
            listed = min(listed, len(stream.index_entries))
        if stream.average_rate and (listed - stored) / stream.average_rate > MAX_TAIL_S:
            raise VideoError(f"it is cut off: {stored} of {listed} frames are left")
        assert stream.time_base is not None  # as of every stream of an open file
        stamps_N = np.sort(np.array(stamps, dtype=np.float64))
        timestamps_N = (stamps_N - stamps_N[0]) * float(stream.time_base)
    with _open(path) as (container, stream):
        next(_decode_all(container, stream, [0.0]))
    return timestamps_N


def read_frames(path: Path, times: Sequence[float]) -> Iterator[np.ndarray]:
    """Yield the frame shown at each of the ascending `times` (s from the first frame) as RGB uint8 (H, W, 3).

    One frame is held at a time, whatever the length of the video. Raises VideoError when decoding fails or the video
    ends before the last time.
    """
    for frame, count in decode_frames(path, times):
        image_HW3 = frame.to_ndarray(format="rgb24")
        for _ in range(count):
            yield image_HW3


def decode_frames(path: Path, times: Sequence[float]) -> Iterator[tuple[av.VideoFrame, int]]:
    """Yield each frame that is shown at any of the ascending `times`, and at how many of them.

    Frames that no wanted frame depends on are not decoded, as far as the timestamps of the packets tell which these
    are. Raises VideoError like `read_frames`.
    """
    done = 0
    with _open(path) as (container, stream):
        if not _can_skip(container, stream, times):
            yield from _decode_all(container, stream, times)
            return
        for frame, count in _decode_chosen(container, stream, times):
            yield frame, count
            done += count
    if done < len(times):  # the packets do not tell after all
        with _open(path) as (container, stream):
            yield from _decode_all(container, stream, times[done:])


def stream_frames(path: Path) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yield all frames as they are decoded, each with the time at which it begins (s from the first one).

    Raises VideoError when the file cannot be read.
    """
    with _open(path) as (container, stream):
        yield from _decode(container, stream)


def choose_frames(timestamps_N: np.ndarray, times: Sequence[float]) -> np.ndarray:
    """Return the index of the frame that begins nearest to each of the `times`, as int (T,); of two, the later one.

    Of frames that begin at the same time it is the first. `timestamps_N` must be ascending.
    """
    nearest_T = np.searchsorted(_middles(timestamps_N[:-1], timestamps_N[1:]), times, side="right")
    return np.searchsorted(timestamps_N, timestamps_N[nearest_T])


def _middles(earlier: Any, later: Any) -> Any:
    """Return from which time on the later of two frames is the nearer one, for numbers or arrays."""
    return (earlier + later) / 2 - ROUNDING_S


def _frame_interval(stream: av.VideoStream) -> float:
    """Return the mean time between two frames in s."""
    rate = stream.average_rate or stream.guessed_rate
    return float(1 / rate) if rate else 0.0


def _can_skip(container: av.container.InputContainer, stream: av.VideoStream, times: Sequence[float]) -> bool:
    """Tell whether each packet says when its frame is shown, and there may be frames that need not be decoded."""
    name, reordered = container.format.name, stream.codec_context.has_b_frames
    exact = name.startswith(("mov", "matroska")) or (name == "avi" and not reordered)
    return exact and (reordered or bool(np.diff(times, prepend=0.0).max() > MIN_SEEK * _frame_interval(stream)))


def _decode_chosen(
    container: av.container.InputContainer, stream: av.VideoStream, times: Sequence[float]
) -> Iterator[tuple[av.VideoFrame, int]]:
    """Yield like `decode_frames`, going by the timestamps of the packets; stop at the first frame that deviates."""
    pts_P, is_key_P = _read_packets(container, stream)
    if not len(pts_P) or np.isnan(pts_P).any():
        return
    pts_N = np.unique(pts_P)
    assert stream.time_base is not None
    seconds_N = pts_N * stream.time_base.numerator / stream.time_base.denominator
    timestamps_N = seconds_N - seconds_N[0]
    if times[-1] > timestamps_N[-1] + MAX_TAIL_S:
        return
    chosen_W, counts_W = np.unique(choose_frames(timestamps_N, times), return_counts=True)
    counts = dict(zip(pts_N[chosen_W].astype(int).tolist(), counts_W.tolist(), strict=True))
    for key, wanted in plan_seeks(pts_P, is_key_P, list(counts)):
        container.seek(key, stream=stream)
        last = None
        for frame in _decode_wanted(container, stream, wanted):
            last = frame.pts
            yield frame, counts[last]
        if last != wanted[-1]:
            return


def _read_packets(container: av.container.InputContainer, stream: av.VideoStream) -> tuple[np.ndarray, np.ndarray]:
    """Return when each packet's frame is shown, as float64 in units of the time base, and whether it is a keyframe.

    Both are (P,), in the order of the file. The time is NaN for a packet that does not say it.
    """
    packets = (packet for packet in container.demux(stream) if packet.size and not packet.is_discard)
    entries = stream.index_entries
    if container.format.name == "avi" and len(entries) == stream.frames:  # the index tells all, without reading on
        delays = (packet.pts - packet.dts for packet in packets if packet.pts is not None and packet.dts is not None)
        delay = next(delays, 0)
        found: list[tuple[int | None, bool]] = [(entry.timestamp + delay, entry.is_keyframe) for entry in entries]
    else:
        found = [(packet.pts, packet.is_keyframe) for packet in packets]
    pts_P, is_key_P = np.array(found, dtype=np.float64).reshape(-1, 2).T
    return pts_P, is_key_P.astype(bool)


def plan_seeks(pts_P: np.ndarray, is_key_P: np.ndarray, wanted: list[int]) -> list[tuple[int, list[int]]]:
    """Split the ascending timestamps `wanted` into runs to decode in one go, each with the keyframe to seek to before.

    A run ends where more than MIN_SEEK packets lie between a wanted one and the keyframe of the next. Returns no runs
    if the first wanted frame has no keyframe.
    """
    position = {pts: index for index, pts in enumerate(pts_P.tolist())}
    keys = pts_P[is_key_P].astype(int).tolist()
    runs: list[tuple[int, list[int]]] = []
    for pts in wanted:
        before = bisect_right(keys, pts)
        if not before:
            return []
        key = keys[before - 1]
        if not runs or position[key] - position[runs[-1][1][-1]] > MIN_SEEK:
            runs.append((key, []))
        runs[-1][1].append(pts)
    return runs


def _decode_wanted(
    container: av.container.InputContainer, stream: av.VideoStream, wanted: list[int]
) -> Iterator[av.VideoFrame]:
    """Yield the frames with the ascending timestamps `wanted`, from where the container is, up to the first failure."""
    missing, needed = deque(wanted), set(wanted)
    for packet in container.demux(stream):
        stream.codec_context.skip_frame = "DEFAULT" if packet.pts in needed else "NONREF"
        for frame in packet.decode():
            if frame.is_corrupt or frame.pts is None or frame.pts > missing[0]:
                return
            if frame.pts == missing[0]:
                yield frame
                missing.popleft()
            if not missing:
                return


def _decode_all(
    container: av.container.InputContainer, stream: av.VideoStream, times: Sequence[float]
) -> Iterator[tuple[av.VideoFrame, int]]:
    """Yield like `decode_frames`, but decode all frames and choose by their own timestamps, as `choose_frames` does."""
    held: tuple[float, av.VideoFrame] | None = None
    done = 0
    for now, frame in _decode(container, stream):
        if held is not None:
            nearest = bisect_left(times, _middles(held[0], now))
            if nearest > done:
                yield held[1], nearest - done
                done = nearest
        held = now, frame
        if times[-1] <= now:
            break
    if held is None:
        raise VideoError("no frame can be decoded")
    if times[-1] - held[0] > MAX_TAIL_S:
        raise VideoError(f"decoding breaks off at {held[0]:.2f} s, before the frame at {times[-1]:.2f} s")
    if done < len(times):
        yield held[1], len(times) - done


def _decode(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yield every frame that begins later than those before it, with its time in s from the first one."""
    first, last = None, -1.0
    for packet in container.demux(stream):
        for frame in packet.decode():
            first = frame.time if first is None else first
            if frame.time - first > last:
                last = frame.time - first
                yield last, frame
