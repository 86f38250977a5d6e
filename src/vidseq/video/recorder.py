"""Files of what happened on a live video: the packets as they came, copied without being decoded."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from threading import Lock

import av

SLACK_S = 10.0  # held beyond what is asked for: an answer comes after its frame
HELD_BYTES = 256 * 2**20  # of packets, at most, however far apart the keyframes are
REFUSALS = (av.error.FFmpegError, OSError, ValueError)  # a full disk, a codec that Matroska does not take


@dataclass
class Recording:
    """A file that is being written; `error` says why it is not whole, and never will be."""

    path: Path
    until: float  # in s of the stream's own clock; what is later may not belong to it
    container: av.container.OutputContainer | None = None
    stream: av.VideoStream | None = None
    offset: int = 0  # the time stamp of its first packet
    position: int = 0  # of the next packet to write, among all of the stream
    ended: bool = False  # whether it goes no further than `until`
    closed: bool = False
    error: str = ""

    def close(self) -> None:
        """Finish the file. Raises what the file system refuses, and ValueError if nothing was written."""
        self.closed = True
        if self.container:
            self.container.close()
            if not self.path.stat().st_size:
                raise ValueError("none of its packets is held")

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Give this file up where the block fails, so that neither the stream nor another file ends with it."""
        try:
            yield
        except REFUSALS as error:
            reason = getattr(error, "strerror", None) or error
            self.error = f"{getattr(error, 'filename', None) or self.path}: {reason}"
            with suppress(*REFUSALS):
                self.close()
            with suppress(OSError):
                if not self.path.stat().st_size:
                    self.path.unlink()


class Recorder:
    """Holds the last seconds of a stream, so that a recording begins before its event.

    `held_s` is how long; the memory is that of so many seconds of compressed video, back to a keyframe, and at most
    HELD_BYTES. A stream may be read further than it has been answered: a packet is written when it is known to belong
    to a recording. What fails in writing is the `error` of its recording, and raised nowhere.
    """

    def __init__(self, held_s: float):
        self.held_s = held_s + SLACK_S
        self.packets: deque[tuple[float, av.Packet]] = deque()
        self.keys: deque[int] = deque()  # positions of the keyframes held, among all packets of the stream
        self.gone = 0  # packets that are held no more
        self.size = 0  # of those held, in bytes
        self.template: av.VideoStream | None = None
        self.first, self.shift = 0.0, 0.0  # when time is 0, and by how much the clock has been set back, in s
        self.last: float | None = None  # when the packet before was to be decoded, in s
        self.recordings: list[Recording] = []
        self.lock = Lock()

    def add(self, packet: av.Packet, stream: av.VideoStream, first: float | None) -> None:
        """Take the next packet; the stream's time is 0 at `first` (s of its own clock).

        Where the stream's clock is set back, what is being recorded ends, and time goes on.
        """
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or stream.time_base is None:
            return
        with self.lock:
            if packet.dts is not None:
                decoded = float(packet.dts * stream.time_base)
                if self.last is not None and decoded < self.last:
                    self._finish()
                    self.shift += self.last - decoded
                self.last = decoded
            now = float(stamp * stream.time_base) + self.shift
            self.template, self.first = stream, now if first is None else first
            if packet.is_keyframe:
                self.keys.append(self.gone + len(self.packets))
            self.packets.append((now, packet))
            self.size += packet.size
            self._write()
            needed = min((recording.position for recording in self.recordings), default=self.gone + len(self.packets))
            while (
                (key := self._next_key()) is not None
                and key <= needed
                and self.packets[key - self.gone][0] <= now - self.held_s
            ):
                self._drop(key)
            while self.size > HELD_BYTES:
                self._drop(self.gone + 1)

    def begin(self, path: Path, since: float) -> Recording:
        """Begin a new file with the keyframe at or before `since` (s), as far back as packets are held."""
        with self.lock:
            recording = Recording(path, since + self.first)
            with recording.guarded():
                if self.template is None or not self.keys:
                    raise ValueError("no keyframe that has a time is held")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(exist_ok=False)  # FFmpeg writes over what is there
                before = [key for key in self.keys if self.packets[key - self.gone][0] <= recording.until]
                recording.position = before[-1] if before else self.keys[0]
                _, packet = self.packets[recording.position - self.gone]
                recording.offset = packet.pts if packet.pts is not None else packet.dts or 0
                recording.container = av.open(str(path), "w")
                recording.stream = recording.container.add_stream_from_template(self.template)
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
            self._finish()
            self.template, self.shift, self.last = None, 0.0, None

    def _finish(self) -> None:
        """End all recordings with what is held, and hold nothing."""
        for recording in self.recordings:
            if not recording.ended:
                recording.until, recording.ended = inf, True
        self._write()
        for recording in self.recordings:
            with recording.guarded():
                recording.close()
        self.recordings = []
        self._drop(self.gone + len(self.packets))

    def _next_key(self) -> int | None:
        """Return the position of the first keyframe after the first packet held: up to there, packets can go."""
        return next((key for key in self.keys if key > self.gone), None)

    def _drop(self, position: int) -> None:
        """Hold nothing before `position`; a recording to which that would still belong ends before it."""
        while self.gone < position:
            self.size -= self.packets.popleft()[1].size
            self.gone += 1
        while self.keys and self.keys[0] < position:
            self.keys.popleft()
        for recording in self.recordings:
            if recording.position < position:
                with recording.guarded():
                    recording.close()
        self._forget_closed()

    def _write(self) -> None:
        """Write what belongs to each recording, and close those that are whole."""
        for recording in self.recordings:
            with recording.guarded():
                self._write_to(recording)
        self._forget_closed()

    def _forget_closed(self) -> None:
        self.recordings = [recording for recording in self.recordings if not recording.closed]

    def _write_to(self, recording: Recording) -> None:
        assert recording.container is not None  # as of all that have begun
        assert recording.stream is not None
        while (index := recording.position - self.gone) < len(self.packets):
            now, packet = self.packets[index]
            if now > recording.until:
                if recording.ended:
                    recording.close()
                break
            copy = av.Packet(bytes(packet))
            copy.time_base, copy.is_keyframe, copy.duration = packet.time_base, packet.is_keyframe, packet.duration
            copy.pts = None if packet.pts is None else packet.pts - recording.offset
            copy.dts = None if packet.dts is None else packet.dts - recording.offset
            copy.stream = recording.stream
            recording.container.mux(copy)
            recording.position += 1
