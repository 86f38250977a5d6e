"""What a server must refuse: other sites' pages, large or slow bodies, more requests than it has places for."""

import asyncio
import ipaddress
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PAUSE_S = 10.0  # the longest that a client may send nothing
SLOWEST = 16 * 1024  # bytes per s that a body must come with, once PAUSE_S have passed
RETRY_S = 2
OVERHEAD = 64 * 1024  # bytes of a body beside the file
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class Guard:
    """ASGI middleware. `names` are the hosts, beside localhost and IP addresses, by which the server may be called."""

    def __init__(self, app: App, max_bytes: int, places: int, names: Iterable[str]):
        self.app, self.max_bytes, self.free = app, max_bytes, places
        self.names = {"localhost", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is refused; pass on the rest, with a body that is cut off where it is too large or too slow."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        holds = False

        async def answer(message: Message) -> None:
            nonlocal holds
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in HEADERS.items())]
                if holds:  # who reads an answer slowly keeps no place
                    self.free, holds = self.free + 1, False
            await send(message)

        if refusal := self._refuse(Request(scope)):
            await refusal(scope, receive, answer)
            return
        if scope["method"] == "POST":
            self.free, holds = self.free - 1, True
        try:
            await self.app(scope, self._limited(receive), answer)
        finally:
            if holds:
                self.free += 1

    def _refuse(self, request: Request) -> JSONResponse | None:
        headers = request.headers
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_ours(host):
            return refuse(403, f"this server is not called {host}: start it with --allow-host to give it a name")
        if origin is not None and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
            return refuse(403, "other sites' pages may not use this server")
        if int(headers.get("content-length", 0)) > self.max_bytes + OVERHEAD:
            return refuse(413, f"at most {self.max_bytes / 1e6:.0f} MB are accepted")
        if request.method == "POST" and self.free < 1:
            return refuse(429, "all places are taken: try again soon", {"Retry-After": str(RETRY_S)})
        return None

    def _is_ours(self, host: str) -> bool:
        """A page elsewhere can point a name of its own to this machine, but never an address."""
        with suppress(ValueError):
            name = urlsplit(f"//{host}").hostname or ""
            if name in self.names:
                return True
            return bool(ipaddress.ip_address(name))
        return False

    def _limited(self, receive: Receive) -> Receive:
        begun, received, complete = time.monotonic(), 0, False

        async def limited() -> Message:
            nonlocal received, complete
            if complete:  # what comes now is that the client has gone
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), PAUSE_S)
            except TimeoutError:
                raise HTTPException(408, "the request came too slowly", {"Connection": "close"}) from None
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > self.max_bytes + OVERHEAD:
                raise HTTPException(413, f"at most {self.max_bytes / 1e6:.0f} MB are accepted", {"Connection": "close"})
            if not complete and received < SLOWEST * (time.monotonic() - begun - PAUSE_S):
                raise HTTPException(408, "the request came too slowly", {"Connection": "close"})
            return message

        return limited


def refuse(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return an answer that says why, after which the connection is closed: the body is not read."""
    return JSONResponse({"detail": detail}, status, {"Connection": "close", **(headers or {})})


class Protocol(H11Protocol):
    """uvicorn's, which also cuts off a client that does not finish the head of a request within PAUSE_S."""

    def connection_made(self, transport: Any) -> None:
        """Begin to watch a connection."""
        super().connection_made(transport)
        self.loop.call_later(PAUSE_S, self._watch, None)

    def _watch(self, before: Any) -> None:
        if self.transport.is_closing():
            return
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.cycle is before:  # no request has come since the last look
            self.transport.close()
        else:
            self.loop.call_later(PAUSE_S, self._watch, self.cycle)
