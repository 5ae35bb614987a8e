"""HTTP connections with bounds on what one client can take: uvicorn's protocol bounds neither heads nor slowness.

A client beyond a bound is told so, where no answer to it has begun, and its connection is closed.
"""

import asyncio
from dataclasses import dataclass
from heapq import nsmallest

import httptools
from pydantic_core import to_json
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from crime.core import limits
from crime.serving.metrics import DROPPED

CONNECTION = "crime.connection"  # extension of a request's scope: how to `refuse` its client
PIECE_BYTES = 4 * limits.KIB  # of incoming data, parsed at a time


@dataclass
class OpenRequests:
    """How many requests of all connections are here as a whole and not answered yet."""

    count: int = 0


class BoundedProtocol(HttpToolsProtocol):
    """A connection. `look` has to be called about every second: it closes the connection of a client that is too slow.

    moved_at: when bytes last came or went, in the event loop's time. credit: seconds that the client may still be slow.
    """

    open_requests = OpenRequests()  # of the process, which has one server
    max_connections = limits.CONNECTIONS  # fewer where the process may open fewer files

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.url = b""
        self.is_refused = False
        self._extensions: dict[str, dict[object, object]] = {CONNECTION: {"refuse": self.refuse}}
        # since the last request or part of a body ended; what follows its end in the same piece is not counted
        self._unparsed_bytes = 0
        self._head_began_at: float | None = None
        self._moved_bytes, self._buffered_bytes, self.credit = 0, 0, limits.SLOW_SECONDS
        self.moved_at = self._looked_at = self.loop.time()
        self._answered_at = 0.0  # when the last answer was complete
        self._whole = 0  # requests that are here as a whole and not answered yet
        if len(self.connections) > self.max_connections:
            self._make_room()

    def _make_room(self) -> None:
        """Close the connections whose clients have kept them waiting longest; this one if no other waits.

        Several at once, as it takes long to find them.
        """
        others = [one for one in self.connections if isinstance(one, BoundedProtocol) and one.waits_for_client]
        longest = nsmallest(self.max_connections // 20 + 1, others, key=lambda one: one.moved_at)
        for one in longest or [self]:
            one.refuse("connections", 503, "too many connections at once: try again in a second")

    @property
    def waits_for_client(self) -> bool:
        """Whether the next step is the client's: a request, the rest of one, or to read its answer."""
        cycle = self.cycle
        if self.is_refused:
            return False
        return cycle is None or cycle.response_complete or self._body_is_missing or self.flow.write_paused

    @property
    def _body_is_missing(self) -> bool:
        return self.cycle.more_body and not self.flow.read_paused and not self.cycle.response_complete

    # What comes in. The parser calls the methods `on_...`, and wraps what they raise.

    def data_received(self, data: bytes) -> None:
        if self.is_refused:
            return
        self._unset_keepalive_if_required()
        self.moved_at = self.loop.time()
        self._moved_bytes += len(data)
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            self._unparsed_bytes += len(piece)
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade:
                break  # no other protocol is spoken here: it is answered as a request in HTTP
            except httptools.HttpParserError:  # also where a method below has refused the client
                self.refuse("not http", 400, "not a request in HTTP/1.1")
            if self._unparsed_bytes > limits.URL_BYTES + limits.HEADER_BYTES:  # a URL or line that does not end
                self._refuse_head()
            if self.is_refused:
                break

    def on_message_begin(self) -> None:
        if self.is_refused:
            raise ConnectionAbortedError  # so that the parser stops
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        self._head_began_at = self.moved_at

    def on_headers_complete(self) -> None:
        self._head_began_at = None
        # adding up a head's bytes takes time, so only where it may be too long: up to a piece of it was not counted
        if self._unparsed_bytes > limits.URL_BYTES - PIECE_BYTES or len(self.headers) > limits.HEADER_LINES:
            size = sum(len(name) + len(value) for name, value in self.headers)
            if (
                len(self.url) > limits.URL_BYTES
                or size > limits.HEADER_BYTES
                or len(self.headers) > limits.HEADER_LINES
            ):
                self._refuse_head()
        if len(self.pipeline) >= limits.PIPELINED:
            self.refuse("pipelined", 503, "too many requests at once on one connection")
        if not self.is_refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed_bytes = 0
        if not self.is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed_bytes = 0
        if not self.is_refused:
            super().on_message_complete()
            self.cycle.more_body = False  # uvicorn leaves it set if the answer came first
            self._count_whole(not self.cycle.response_complete)

    # What goes out

    def on_response_complete(self) -> None:
        self._count_whole(-min(self._whole, 1))
        self._answered_at = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._count_whole(-self._whole)
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # after a reset, too: until it ends, it keeps the connection in memory

    def _count_whole(self, change: int) -> None:
        self._whole += change
        self.open_requests.count += change

    def pause_writing(self) -> None:
        super().pause_writing()
        self._buffered_bytes = self.transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        self._count_written()
        super().resume_writing()

    def _count_written(self) -> None:
        """Count what left the buffer; nothing enters it while writing is paused."""
        left = self.transport.get_write_buffer_size()
        if left < self._buffered_bytes:
            self._moved_bytes += self._buffered_bytes - left
            self.moved_at = self.loop.time()
        self._buffered_bytes = left

    # Bounds

    def look(self, now: float) -> None:
        """Close the connection if its client is too slow, or does not stop sending after its answer."""
        if self.flow.write_paused:
            self._count_written()
        elapsed, self._looked_at = now - self._looked_at, now
        moved, self._moved_bytes = self._moved_bytes, 0
        cycle = self.cycle
        if cycle is not None and (self._body_is_missing or self.flow.write_paused):
            self.credit = min(limits.SLOW_SECONDS, self.credit + moved / limits.BYTES_PER_SECOND - elapsed)
            if self.credit < 0:
                rate = limits.BYTES_PER_SECOND >> 10
                self.refuse("slow", 408, f"less than {rate} KiB a second for {limits.SLOW_SECONDS:g} seconds")
        elif self.is_refused:
            return
        elif self._head_began_at is not None and now - self._head_began_at > limits.HEAD_SECONDS:
            self.refuse("slow", 408, f"the head of the request took more than {limits.HEAD_SECONDS:g} seconds")
        elif (cycle is None or cycle.response_complete) and now - self.moved_at > limits.IDLE_SECONDS:
            self.transport.close()
        else:
            self.credit = limits.SLOW_SECONDS
            is_answered = cycle is not None and cycle.response_complete
            if is_answered and cycle.more_body and now - self._answered_at > 1:  # refused, and still sending
                self._close_soon()

    def _refuse_head(self) -> None:
        if len(self.url) > limits.URL_BYTES:
            self.refuse("head", 414, f"the URL is longer than {limits.URL_BYTES:,} bytes")
        else:
            bound = f"{limits.HEADER_BYTES:,} bytes or {limits.HEADER_LINES} lines of headers"
            self.refuse("head", 431, f"more than {bound}")

    def refuse(self, reason: str, status: int, why: str) -> None:
        """Answer an error and close the connection; answers that are on their way to the client are finished first."""
        if self.is_refused:
            if reason == "slow":  # to read the answers that are finished first
                self.transport.abort()
            return
        self.is_refused = True
        DROPPED.labels(reason).inc()
        self._unset_keepalive_if_required()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if cycle.more_body and not (cycle.response_started or self.pipeline):
                cycle.disconnected = True
                cycle.message_event.set()
            elif cycle.more_body or self.flow.write_paused:
                self.transport.abort()
                return
            else:  # what is refused came after requests that are being answered, of which this is the last
                cycle.keep_alive = False
                return
        self.connections.discard(self)  # it no longer counts
        body = to_json({"detail": why})
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *([(b"retry-after", b"1")] if status == 503 else []),
        ]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + body)
        self._close_soon()

    def _close_soon(self) -> None:
        """End the answer at once and the connection a little later: a client that is still sending can read why."""
        self.is_refused = True
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(limits.LINGER_SECONDS, self.transport.abort)
