"""Live video: a camera or a stream by its URL, standard input, or a file as it plays.

The only place that opens anything but local files, and only what the user names: no playlist and no redirection over
HTTP are followed. FFmpeg has no option to refuse an RTSP server that names another one.
"""

import sys
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from threading import Condition, Thread
from urllib.parse import urlsplit

import av

from vidseq.errors import VideoError
from vidseq.video.read import FORMATS, SAFE, FrameClock, readable, video_stream, with_aspect
from vidseq.video.recorder import Recorder
from vidseq.video.sampling import sample_stream

SCHEMES = ("rtsp", "rtsps", "rtp", "udp", "tcp", "http", "https")
PROTOCOLS = "rtsp,rtp,udp,tcp,tls,http,https"
LIVE_FORMATS = f"{FORMATS},rtsp,rtp,mpjpeg,mjpeg,h264,hevc"  # none of them is a list of other addresses
UNTIMED = ("mpjpeg", "mjpeg", "h264", "hevc", "m4v", "mpegvideo")  # no times in them: FFmpeg counts 25 frames a second
STALL_S = 10.0  # without data: then the connection is given up
STOP_S = 1.0  # for a read to end when nobody wants more; one that waits for data is left behind
WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)  # before each attempt to connect again, as long as no frame comes
WAITING = 4  # steps, not yet classified: more than this is too old to be an answer about now
DAMAGED = 100  # packets in a row that cannot be decoded: then the stream is garbage


@dataclass(frozen=True)
class Step:
    """A frame that was sampled, with its time (s from the first one) and the frame before it that it is compared with.

    `arrived` (s, of time.monotonic) is when it had been decoded, `dropped` how many steps have been left out so far.
    """

    seconds: float
    frame: av.VideoFrame
    before: av.VideoFrame
    arrived: float
    dropped: int = 0


@dataclass(frozen=True)
class Reconnected:
    """The source was lost, for this reason, and is there again: its time begins at 0 once more."""

    reason: str


class Capture:
    """Samples a source in a thread of its own, while what was sampled is being classified.

    A file and standard input wait for whoever reads the steps. A URL does not: of the steps that wait, at most WAITING,
    the oldest is dropped, and counted. A URL that fails, stalls or ends without having said how long it is, is
    connected to again. Packets also go to the `recorder`, if there is one.
    """

    def __init__(self, source: str, fps: float, diff_seconds: float, recorder: Recorder | None = None):
        """Name the source: a file, a URL, or - for standard input. Raises VideoError for another kind of URL."""
        scheme = urlsplit(source).scheme if "://" in source else ""
        if scheme and scheme not in SCHEMES:
            raise VideoError(f"{scheme}:// cannot be watched, only {', '.join(SCHEMES)}, a file or -")
        self.source, self.is_url = source, bool(scheme)
        self.fps, self.diff_seconds, self.recorder = fps, diff_seconds, recorder
        self.changed = Condition()
        self.waiting: deque[Step | Reconnected] = deque()
        self.dropped, self.decoded = 0, 0  # steps and frames
        self.stopped = self.ended = self.idle = False
        self.error: Exception | None = None

    def steps(self) -> Generator[Step | Reconnected, None, None]:
        """Yield the steps as they come, and where the source was lost in between.

        Raises VideoError where the source cannot be read, or not any more. Closing the iterator stops reading. When it
        has ended, however it did, the files of the recorder are whole.
        """
        thread = Thread(target=self._run, daemon=True)
        thread.start()
        try:
            while True:
                with self.changed:
                    self.idle = not self.waiting
                    self.changed.notify_all()
                    self.changed.wait_for(lambda: self.waiting or self.ended)
                    if not self.waiting:
                        break
                    self.idle, item = False, self.waiting.popleft()
                    if isinstance(item, Step):
                        item = replace(item, dropped=self.dropped)
                    self.changed.notify_all()
                yield item
        finally:
            with self.changed:
                self.stopped = True
                self.changed.notify_all()
            thread.join(STOP_S)
            if self.recorder and thread.is_alive():
                self.recorder.close()
        if self.error:
            raise self.error

    def _run(self) -> None:
        try:
            if self.is_url:
                self._read_again()
            else:
                self._read()
        except Exception as error:  # whatever it is, it must not end with the thread
            self.error = error
        finally:
            with self.changed:
                self.ended = True
                self.changed.notify_all()

    def _read_again(self) -> None:
        waits, lost = iter(WAITS_S), ""
        while not self.stopped:
            before = self.decoded
            try:
                if self._read(lost):
                    return
                reason = "it ended"
            except VideoError as error:
                reason = str(error)
            if self.decoded > before:
                waits = iter(WAITS_S)
            lost = reason
            wait = next(waits, None)
            if wait is None:
                raise VideoError(f"{reason}, and {len(WAITS_S)} attempts to connect again failed")
            with self.changed:
                self.changed.wait_for(lambda: self.stopped, wait)

    def _read(self, lost: str = "") -> bool:
        """Sample the source until it ends; returns whether that is its end for good. `lost` is why it is read again."""
        with self._open() as (container, stream):
            finite = container.size > 0
            steps = sample_stream(self._frames(container, stream, finite), self.fps, self.diff_seconds)
            try:
                for seconds, frame, before in steps:
                    if lost:
                        self._put(Reconnected(lost))
                        lost = ""
                    self._put(Step(seconds, frame, before, time.monotonic()))
                    if self.stopped:
                        break
            finally:
                with self.changed:  # a recording may still begin with what has been read
                    self.changed.wait_for(lambda: self.stopped or (self.idle and not self.waiting))
                if self.recorder:
                    self.recorder.close()
        return finite

    def _put(self, item: Step | Reconnected) -> None:
        with self.changed:
            if self.is_url:
                steps = [waiting for waiting in self.waiting if isinstance(waiting, Step)]
                if len(steps) >= WAITING and isinstance(item, Step):
                    self.waiting.remove(steps[0])
                    self.dropped += 1
            else:
                self.changed.wait_for(lambda: len(self.waiting) < WAITING or self.stopped)
            self.waiting.append(item)
            self.changed.notify_all()

    def _frames(
        self, container: av.container.InputContainer, stream: av.VideoStream, finite: bool
    ) -> Iterator[tuple[float, av.VideoFrame]]:
        """Yield every frame with its time, and give the packets to the recorder; damaged ones are left out."""
        clock, damaged = FrameClock(container, stream), 0
        by_arrival = self.is_url and not finite and container.format.name in UNTIMED
        clock.in_order |= by_arrival
        for packet in container.demux(stream):
            if self.stopped:
                return
            if by_arrival and packet.size and stream.time_base:
                packet.pts = packet.dts = round(time.monotonic() / stream.time_base)
            if self.recorder and packet.size:
                self.recorder.add(packet, stream, clock.first)
            try:
                frames, damaged = packet.decode(), 0
            except av.error.InvalidDataError as error:
                damaged += 1
                if damaged == DAMAGED:
                    raise VideoError(f"{damaged} packets in a row cannot be decoded") from error
                continue
            for frame in frames:
                self.decoded += 1
                yield clock.time_of(frame), with_aspect(frame, stream)

    @contextmanager
    def _open(self) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
        """Open the source; whatever cannot be done becomes a VideoError."""
        options = SAFE | {"format_whitelist": LIVE_FORMATS}
        with readable():
            try:
                if self.source == "-":
                    options["protocol_whitelist"] = ""
                    # unbuffered: what has come is read at once, however little it is
                    container = av.open(FileIO(sys.stdin.fileno(), closefd=False), "r", options=options)
                elif self.is_url:
                    options |= {"protocol_whitelist": PROTOCOLS, "rtsp_transport": "tcp", "max_redirects": "0"}
                    container = av.open(self.source, "r", options=options, timeout=STALL_S)
                else:
                    container = av.open(f"file:{Path(self.source)}", "r", options=options)
                with container:
                    yield container, video_stream(container)
            except av.error.ExitError as error:
                raise VideoError(f"nothing came for {STALL_S:g} s") from error
