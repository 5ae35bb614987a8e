"""Connections to the page, bounded: heads of requests in size and time, answers that nobody takes, and how many.

uvicorn's own protocols, as `streamlit run` starts them, leave these open: with httptools a header may be endless, a
connection may wait for ever, and a browser that reads nothing is sent more and more.
"""

import asyncio
import sys
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from crime_ui import certificate, limits
from crime_ui.security import all_headers

TOO_MANY = 1013  # of a WebSocket's closing: try again later
STATUSES = {400: b"Bad Request", 414: b"URI Too Long", 431: b"Request Header Fields Too Large"}


class StalledAnswer:
    """Ends a connection whose peer takes less than `limits.ANSWER_BYTES_PER_SECOND` of what waits to be sent."""

    def __init__(self, transport: asyncio.Transport):
        self._transport = transport
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """To be called when writing is paused."""
        if self._timer is None:
            waiting = self._transport.get_write_buffer_size()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(limits.ANSWER_SECONDS, self._check, waiting)

    def _check(self, earlier: int) -> None:
        self._timer = None
        waiting = self._transport.get_write_buffer_size()
        if waiting == 0:
            return
        if earlier - waiting < limits.ANSWER_SECONDS * limits.ANSWER_BYTES_PER_SECOND:
            self._transport.abort()
        else:
            self.watch()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class BoundedHttp(H11Protocol):
    """HTTP whose heads must be whole within `limits.HEAD_SECONDS` and `limits.HEAD_BYTES`."""

    stalled: StalledAnswer
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.stalled = StalledAnswer(transport)
        self.since = self.loop.time()
        self._await_head()
        if len(self.connections) > limits.CONNECTIONS:
            others = [one for one in self.connections if isinstance(one, BoundedHttp)]
            min(others, key=lambda one: (not one.awaits_head, one.since)).transport.abort()

    @property
    def awaits_head(self) -> bool:
        return self.conn.their_state is h11.IDLE

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.awaits_head and self.conn.trailing_data[0]:
            self._await_head()
        elif not self.awaits_head:
            self._end_head_timer()

    def on_response_complete(self) -> None:
        self.since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head_timer()
        self.stalled.end()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.stalled.watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._end_head_timer()
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Called while h11's error is handled, which tells a head that is too large."""
        error = sys.exc_info()[1]
        status = getattr(error, "error_status_hint", 400)
        if status == 431 and b"\n" not in self.conn.trailing_data[0]:
            status = 414
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close"), *all_headers("")]
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            head = h11.Response(status_code=status, headers=headers, reason=STATUSES.get(status, b""))
            for part in (head, h11.Data(data=msg.encode("ascii")), h11.EndOfMessage()):
                self.transport.write(self.conn.send(part) or b"")
        self.transport.close()

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(limits.HEAD_SECONDS, self.transport.abort)

    def _end_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """A tab's connection. What a browser sends is read only while it takes what it is sent."""

    stalled: StalledAnswer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.stalled = StalledAnswer(self.transport)
        self.last_used = self.loop.time()
        tabs = [one for one in self.connections if isinstance(one, BoundedWebSocket)]
        if len(tabs) > limits.SESSIONS:
            min(tabs, key=lambda one: one.last_used).give_way()

    def give_way(self) -> None:
        """Close: there are too many tabs, and this one was used last longest ago."""
        self.stop_keepalive()
        if self.handshake_complete and not self.close_sent:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": TOO_MANY, "reason": ""})
            self.conn.send_close(TOO_MANY)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
        self.transport.close()

    async def receive(self) -> Any:
        await self.writable.wait()
        message = await super().receive()
        self.last_used = self.loop.time()
        return message

    def handle_cont(self, event: Any) -> None:
        if len(self.frames) >= limits.MESSAGE_PARTS:
            self.transport.abort()
        else:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.stalled.watch()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stalled.end()
        super().connection_lost(exc)


def bound_connections() -> None:
    """Let every uvicorn server of this process use these protocols, and renew its certificate.

    Streamlit starts the server, and names neither.
    """
    start = uvicorn.Server.startup

    async def startup(self: uvicorn.Server, sockets: Any = None) -> None:
        self.config.http_protocol_class = BoundedHttp
        self.config.ws_protocol_class = BoundedWebSocket
        self.config.ws_max_size = limits.MESSAGE_BYTES
        self.config.h11_max_incomplete_event_size = limits.HEAD_BYTES
        await start(self, sockets)
        if self.config.ssl:
            self.following = asyncio.create_task(certificate.follow(self.config))  # type: ignore[attr-defined]

    uvicorn.Server.startup = startup  # type: ignore[method-assign]
