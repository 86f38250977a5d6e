"""What the packets of an open video tell without decoding: which frames there are, when each is shown, what to skip."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import av
import numpy as np

MAX_TAIL_S = 0.25  # a stream may end this much before its container says; more is a damaged file
ROUNDING_S = 1e-6  # timestamps that differ by less are the same
MIN_SEEK = 20  # frames; to skip fewer than this, a seek costs more than it saves


def shown_frames(timestamps_N: np.ndarray, times: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the index of the frame on display at each of the `times` (s), as int (T,): the last one that has begun.

    `timestamps_N` (s, ascending) is when each frame begins; before the first one, that one is taken.
    """
    return np.maximum(np.searchsorted(timestamps_N, np.add(times, ROUNDING_S), side="right") - 1, 0)


class Packets(NamedTuple):
    """The packets of a video stream, in the order of the file."""

    pts_P: np.ndarray  # when its frame is shown, float64 in units of the time base; NaN where the packet does not say
    is_key_P: np.ndarray
    is_shown_P: np.ndarray  # false for what an edit list leaves out: to be decoded, but not shown


def read_packets(container: av.container.InputContainer, stream: av.VideoStream, by_index: bool = False) -> Packets:
    """Read all packets, or with `by_index` only the index, where that has as much to say."""
    packets = (packet for packet in container.demux(stream) if packet.size)
    entries = stream.index_entries
    if by_index and container.format.name == "avi" and len(entries) == stream.frames:
        delays = (packet.pts - packet.dts for packet in packets if packet.pts is not None and packet.dts is not None)
        delay = next(delays, 0)
        found: list[tuple[int | None, bool, bool]] = [
            (entry.timestamp + delay, entry.is_keyframe, True) for entry in entries if entry.size
        ]
    else:
        found = [(packet.pts, packet.is_keyframe, not packet.is_discard) for packet in packets]
    pts_P, is_key_P, is_shown_P = np.array(found, dtype=np.float64).reshape(-1, 3).T
    return Packets(pts_P, is_key_P.astype(bool), is_shown_P.astype(bool))


def count_frames(container: av.container.InputContainer, stream: av.VideoStream, packets: Packets) -> tuple[int, int]:
    """Return how many frames the container says it has, 0 where it does not, and how many of them are in the file."""
    listed, stored = stream.frames, len(packets.pts_P)
    if container.format.name.startswith("mov"):  # it counts what was trimmed away too, but does not list it
        listed = min(listed, len(stream.index_entries))
    if container.format.name == "avi":  # it counts the empty packets that stand for repeated frames, too
        stored = max(stored, int(np.nan_to_num(packets.pts_P).max()) + 1)
    return listed, stored


def frame_interval(stream: av.VideoStream) -> float:
    """Return the mean time between two frames in s, 0 if it is unknown."""
    rate = stream.average_rate or stream.guessed_rate
    return float(1 / rate) if rate else 0.0


def can_skip(container: av.container.InputContainer, stream: av.VideoStream, times: Sequence[float]) -> bool:
    """Tell whether each packet says when its frame is shown, and there may be frames that need not be decoded."""
    name, reordered = container.format.name, stream.codec_context.has_b_frames
    exact = name.startswith(("mov", "matroska")) or (name == "avi" and not reordered)
    return exact and (reordered or bool(np.diff(times, prepend=0.0).max() > MIN_SEEK * frame_interval(stream)))


def decode_chosen(
    container: av.container.InputContainer, stream: av.VideoStream, packets: Packets, times: Sequence[float]
) -> Iterator[tuple[av.VideoFrame, int]]:
    """Yield each frame on display at any of the ascending `times` (s from the first frame), and at how many of them.

    Goes by the timestamps of the packets, and stops at the first frame that deviates.
    """
    pts_N = np.sort(packets.pts_P[packets.is_shown_P])  # NaN comes last
    if not len(pts_N) or not np.all(np.diff(pts_N) > 0):
        return
    if not packets.is_key_P.any() or pts_N[0] < packets.pts_P[packets.is_key_P][0]:
        # what is shown before the first keyframe may depend on what is not in the file: the decoder knows
        container.seek(int(pts_N[0]), stream=stream)
        first = next((frame.pts for packet in container.demux(stream) for frame in packet.decode()), None)
        pts_N = pts_N[pts_N >= (np.inf if first is None else first)]
    assert stream.time_base is not None
    seconds_N = pts_N * stream.time_base.numerator / stream.time_base.denominator
    if not len(pts_N) or times[-1] > seconds_N[-1] - seconds_N[0] + MAX_TAIL_S:
        return
    chosen_W, counts_W = np.unique(shown_frames(seconds_N - seconds_N[0], times), return_counts=True)
    counts = dict(zip(pts_N[chosen_W].astype(int).tolist(), counts_W.tolist(), strict=True))
    for key, wanted in plan_seeks(packets.pts_P, packets.is_key_P, list(counts)):
        container.seek(key, stream=stream)
        last = None
        for frame in _decode_wanted(container, stream, wanted):
            last = frame.pts
            yield frame, counts[last]
        if last != wanted[-1]:
            return


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
