"""A loopback HTTP server that answers range requests, counts what it sends, and fails when told to."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread


class RangeServer(ThreadingHTTPServer):
    """Serves the files of a folder. `sent` counts body bytes, `gets` GET requests.

    `ranges = False` makes it ignore Range, `ranges_left = n` after n ranges. It answers the next `errors` requests with
    status 503. It closes the connection in the midst of the body once `cut_after` bytes are sent, and every later one
    too, until that is None. It sends no body while `goes_on` is cleared, sends `short` bytes less than it says, and
    sends the client in circles while it `redirects`.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.lock = folder, Lock()
        self.sent, self.gets, self.errors = 0, 0, 0
        self.ranges, self.cut_after, self.ranges_left = True, None, 1_000_000
        self.goes_on, self.short, self.redirects = Event(), 0, False
        self.goes_on.set()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def granted(self, size: int) -> int:
        """Count and return how many of `size` bytes may be sent."""
        with self.lock:
            if self.cut_after is not None:
                size = min(size, max(0, self.cut_after - self.sent))
            self.sent += size
            return size

    def refuses(self) -> bool:
        with self.lock:
            self.errors -= 1
            return self.errors >= 0

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client may leave before the end
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RangeServer

    def do_HEAD(self) -> None:
        self.head()

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.gets += 1
        span = self.head()
        if span is None:
            return
        with (self.server.folder / self.path[1:]).open("rb") as file:
            file.seek(span.start)
            self.server.goes_on.wait(10)
            left = max(0, len(span) - self.server.short)
            while left:
                chunk = file.read(min(left, 1 << 16))
                granted = self.server.granted(len(chunk))
                self.wfile.write(chunk[:granted])
                left -= granted
                if granted < len(chunk):
                    self.close_connection = True
                    return
            self.close_connection |= self.server.short > 0

    def head(self) -> range | None:
        """Send status and headers; return which bytes of the file follow."""
        path = self.server.folder / self.path[1:]
        if self.server.redirects:
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if self.server.refuses():
            return self.empty(HTTPStatus.SERVICE_UNAVAILABLE)
        if not path.is_file():
            return self.empty(HTTPStatus.NOT_FOUND)
        size = path.stat().st_size
        span = range(size)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        self.server.ranges_left -= bool(wanted)
        if wanted and self.server.ranges and self.server.ranges_left >= 0:
            span = span[int(wanted[1]) : int(wanted[2]) + 1 if wanted[2] else None]
            self.send_response(HTTPStatus.PARTIAL_CONTENT)
            self.send_header("Content-Range", f"bytes {span.start}-{span.stop - 1}/{size}")
        else:
            self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(span)))
        self.end_headers()
        return span

    def empty(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@contextmanager
def serve(folder: Path) -> Iterator[RangeServer]:
    """Run a server for the files of `folder` in a thread while the block lasts."""
    with RangeServer(folder) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
