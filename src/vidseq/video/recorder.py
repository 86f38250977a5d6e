"""Files of what happened on a live video: the packets as they came, copied without being decoded."""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import av

SLACK_S = 10.0  # held beyond what is asked for: an answer comes after its frame


@dataclass
class Recording:
    """A file that is being written: up to `until` (s), while that is unknown for as long as the stream lasts."""

    path: Path
    container: av.container.OutputContainer
    stream: av.VideoStream
    begin: float  # of its first packet, in s of the stream's own clock
    until: float | None = None
    closed: bool = field(default=False)


class Recorder:
    """Holds the last seconds of a stream, so that a recording begins before its event.

    `held_s` is how long; the memory is that of so many seconds of compressed video, back to a keyframe.
    """

    def __init__(self, held_s: float):
        self.held_s = held_s + SLACK_S
        self.packets: deque[tuple[float, av.Packet]] = deque()
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
            while (second := self._second_key()) is not None and self.packets[second][0] <= now - self.held_s:
                for _ in range(second):
                    self.packets.popleft()
            for recording in self.recordings:
                self._write(recording, now, packet)
            self.recordings = [recording for recording in self.recordings if not recording.closed]

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
            recording = Recording(path, container, stream, self.packets[start][0])
            for now, packet in list(self.packets)[start:]:
                self._write(recording, now, packet)
            self.recordings.append(recording)
            return recording

    def end(self, recording: Recording, until: float) -> None:
        """Let a recording go on to `until` (s)."""
        with self.lock:
            recording.until = until + self.first

    def close(self) -> None:
        """Close all files: the stream has ended."""
        with self.lock:
            for recording in self.recordings:
                _close(recording)
            self.recordings, self.template = [], None
            self.packets.clear()

    def _second_key(self) -> int | None:
        """Return the position of the second keyframe held: up to there, packets can go without harm."""
        keys = (index for index, (_, packet) in enumerate(self.packets) if index and packet.is_keyframe)
        return next(keys, None)

    @staticmethod
    def _write(recording: Recording, now: float, packet: av.Packet) -> None:
        if recording.closed:
            return
        if recording.until is not None and now > recording.until:
            _close(recording)
            return
        copy = av.Packet(bytes(packet))
        copy.time_base, copy.is_keyframe, copy.duration = packet.time_base, packet.is_keyframe, packet.duration
        offset = round(recording.begin / packet.time_base)
        copy.pts = None if packet.pts is None else packet.pts - offset
        copy.dts = None if packet.dts is None else packet.dts - offset
        copy.stream = recording.stream
        recording.container.mux(copy)


def _close(recording: Recording) -> None:
    recording.container.close()
    recording.closed = True
