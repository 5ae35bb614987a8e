"""Bodies of tables and the answers to them, on disk while they wait for a slow client or for their turn."""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Send

from crime.core import limits

# keys of a request's scope: the body of a table or list, a `SpoolFile`; and a mark of small lists
TABLE_BODY, AT_ONCE = "crime.body", "crime.at_once"
PIECE_BYTES = 1 << 18  # read at a time
log = structlog.get_logger()


class Spool:
    """All that waits on disk, `limits.SPOOL_BYTES` in all. Where room is short, the slowest client loses its place."""

    def __init__(self) -> None:
        self.used = 0
        self.files: set[SpoolFile] = set()

    def take(self, file: "SpoolFile", size: int) -> None:
        """Count `size` bytes more of a file. Raises 503 if there is no room, and no slow client to take it from."""
        while self.used + size > limits.SPOOL_BYTES:
            waiting = [other for other in self.files if other.waits_for_client and other is not file]
            slowest = min(waiting, key=lambda other: other.moved_at, default=None)
            if slowest is None:
                raise _no_room()
            slowest.close()
            slowest.drop()
        self.used += size


def _no_room() -> HTTPException:
    return HTTPException(503, "no room for more tables: try again in a second", {"Retry-After": "1"})


class SpoolFile:
    """Bytes that are appended and read back, in memory as long as they are few. `drop` ends the client's connection.

    waits_for_client: it is still being sent, or not yet read.
    """

    def __init__(self, spool: Spool, drop: Callable[[], None]):
        self.spool, self.drop = spool, drop
        self.size = 0
        self.moved_at = time.monotonic()  # when its client last sent or read a part
        self.waits_for_client = True
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._is_closed = self._is_opened = False
        spool.files.add(self)

    async def append(self, content: bytes) -> None:
        """Raises 503 if there is no room, or once the slow client has lost its place."""
        if self._is_closed:
            raise _no_room()
        self.spool.take(self, len(content))
        self.size += len(content)
        self.moved_at = time.monotonic()
        if self._file is None and self.size <= limits.SPOOL_MEMORY_BYTES:
            self._memory += content
        elif content:
            try:
                await run_in_threadpool(self._write, content)
            except (OSError, ValueError):  # the disk is full, or the file was closed meanwhile
                raise _no_room() from None

    def _write(self, content: bytes) -> None:
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115 (closed by `close`)
            self._file.write(self._memory)
            self._memory.clear()
        self._file.write(content)
        self._file.flush()

    async def read(self, offset: int) -> bytes:
        """The next bytes from `offset` on; empty at the end of what was appended."""
        self.moved_at = time.monotonic()
        if self._file is None:
            return bytes(self._memory[offset:])
        return await run_in_threadpool(os.pread, self._file.fileno(), PIECE_BYTES, offset)

    def open(self) -> IO[bytes]:
        """All that was appended, from the start. It closes with this object, or before."""
        self._is_opened = True
        if self._file is None:
            return BytesIO(self._memory)
        self._file.seek(0)
        return self._file

    def receive(self, rest: Receive) -> Receive:
        """The bytes as the body of a request. After its end comes what `rest` tells: that the client is gone."""
        offset: int | None = 0

        async def receive() -> Message:
            nonlocal offset
            if offset is None or self._is_opened:
                return await rest()
            piece = await self.read(offset)
            offset += len(piece)
            more_body = offset < self.size
            if not more_body:
                offset = None
            return {"type": "http.request", "body": piece, "more_body": more_body}

        return receive

    def close(self) -> None:
        """Free its room."""
        if not self._is_closed:
            self._is_closed = True
            self.spool.used -= self.size
            self.spool.files.remove(self)
            if self._file:
                self._file.close()


class SpooledAnswer:
    """An answer that is written at full speed, and sent as fast as its client reads it."""

    def __init__(self, file: SpoolFile, send: Send):
        self.file, self._send = file, send
        self._start: Message | None = None
        self._is_whole = self._is_lost = False
        self._changed = asyncio.Event()
        file.waits_for_client = False  # so long as it is written

    async def write(self, message: Message) -> None:
        """The application's `send`."""
        if message["type"] == "http.response.start":
            self._start = message
        elif not self._is_lost:
            try:
                await self.file.append(message.get("body", b""))
                self._is_whole = not message.get("more_body", False)
            except HTTPException as error:  # the answer has begun, so that its client is told by its breaking off
                self._is_lost = True
                log.error("an answer broke off", why=error.detail)
        self._changed.set()

    def end(self) -> None:
        """The application has returned. What it has not written will not come: it stops where the client hung up."""
        self._is_lost = not self._is_whole
        self._changed.set()

    async def forward(self) -> None:
        """Send what is written, up to the end of the answer, or to where it was lost."""
        with suppress(OSError, ValueError):  # the slow client has lost its place
            await self._forward()

    async def _forward(self) -> None:
        sent = 0
        while self._start is None:
            if self._is_lost:
                return
            self._changed.clear()
            await self._changed.wait()
        await self._send(self._start)
        while True:
            self._changed.clear()  # before anything is looked at: what changes meanwhile is looked at again
            is_whole = self._is_whole
            if piece := await self.file.read(sent) if sent < self.file.size else b"":
                sent += len(piece)
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            elif is_whole:
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            elif self._is_lost:
                return
            else:
                await self._changed.wait()
