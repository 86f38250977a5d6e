"""Files of what happened on a live video: the packets as they came, copied without being decoded."""

from collections import deque
from dataclasses import dataclass
from math import inf
from pathlib import Path
from threading import Lock

import av

SLACK_S = 10.0  # held beyond what is asked for: an answer comes after its frame


@dataclass
class Recording:
    """A file that is being written."""

    path: Path
    container: av.container.OutputContainer
    stream: av.VideoStream
    begin: float  # of its first packet, in s of the stream's own clock
    position: int  # of the next packet to write, among all of the stream
    until: float  # in s of the stream's own clock; what is later may not belong to it
    ended: bool = False  # whether it goes no further than that
    closed: bool = False


class Recorder:
    """Holds the last seconds of a stream, so that a recording begins before its event.

    `held_s` is how long; the memory is that of so many seconds of compressed video, back to a keyframe. A stream may be
    read further than it has been answered: a packet is written when it is known to belong to a recording.
    """

    def __init__(self, held_s: float):
        self.held_s = held_s + SLACK_S
        self.packets: deque[tuple[float, av.Packet]] = deque()
        self.gone = 0  # packets that are held no more
        self.template: av.VideoStream | None = None
        self.recordings: list[Recording] = []
        self.lock = Lock()

    def add(self, packet: av.Packet, stream: av.VideoStream, first: float | None) -> None:
        """Take the next packet; the stream's time is 0 at `first` (s of its own clock)."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or stream.time_base is None:
            return
        now = float(stamp * stream.time_base)
        with self.lock:
            self.template, self.first = stream, now if first is None else first
            self.packets.append((now, packet))
            self._write()
            needed = min((recording.position for recording in self.recordings), default=self.gone + len(self.packets))
            while (
                (second := self._second_key()) is not None
                and self.packets[second][0] <= now - self.held_s
                and self.gone + second <= needed
            ):
                for _ in range(second):
                    self.packets.popleft()
                self.gone += second

    def begin(self, path: Path, since: float) -> Recording:
        """Begin a file with the keyframe at or before `since` (s), as far back as packets are held."""
        with self.lock:
            assert self.template is not None
            since += self.first
            keys = [index for index, (_, packet) in enumerate(self.packets) if packet.is_keyframe]
            start = max((index for index in keys if self.packets[index][0] <= since), default=keys[0] if keys else 0)
            path.parent.mkdir(parents=True, exist_ok=True)
            container = av.open(str(path), "w")
            stream = container.add_stream_from_template(self.template)
            recording = Recording(path, container, stream, self.packets[start][0], self.gone + start, since)
            self.recordings.append(recording)
            return recording

    def extend(self, recording: Recording, until: float) -> None:
        """Let a recording go on to `until` (s), and perhaps further."""
        with self.lock:
            recording.until = until + self.first
            self._write()

    def end(self, recording: Recording, until: float) -> None:
        """Let a recording go on to `until` (s), and no further."""
        with self.lock:
            recording.until, recording.ended = until + self.first, True
            self._write()

    def close(self) -> None:
        """Close all files: the stream has ended."""
        with self.lock:
            for recording in self.recordings:
                if not recording.ended:
                    recording.until, recording.ended = inf, True
            self._write()
            for recording in self.recordings:
                _close(recording)
            self.gone += len(self.packets)
            self.recordings, self.template = [], None
            self.packets.clear()

    def _second_key(self) -> int | None:
        """Return the position of the second keyframe held: up to there, packets can go without harm."""
        keys = (index for index, (_, packet) in enumerate(self.packets) if index and packet.is_keyframe)
        return next(keys, None)

    def _write(self) -> None:
        """Write what belongs to each recording, and close those that are whole."""
        for recording in self.recordings:
            while (index := recording.position - self.gone) < len(self.packets):
                now, packet = self.packets[index]
                if now > recording.until:
                    if recording.ended:
                        _close(recording)
                    break
                copy = av.Packet(bytes(packet))
                copy.time_base, copy.is_keyframe, copy.duration = packet.time_base, packet.is_keyframe, packet.duration
                offset = round(recording.begin / packet.time_base)
                copy.pts = None if packet.pts is None else packet.pts - offset
                copy.dts = None if packet.dts is None else packet.dts - offset
                copy.stream = recording.stream
                recording.container.mux(copy)
                recording.position += 1
        self.recordings = [recording for recording in self.recordings if not recording.closed]


def _close(recording: Recording) -> None:
    recording.container.close()
    recording.closed = True
