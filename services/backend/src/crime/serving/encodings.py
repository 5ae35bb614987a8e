"""Request bodies that a client has packed with gzip or deflate, unpacked a piece at a time."""

import zlib
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope

from crime.core import limits

PIECE_BYTES = 1 << 18  # unpacked at a time: a small body can hold gigabytes
ENCODINGS = ("gzip", "x-gzip", "deflate")


def unpacked_receive(scope: Scope, receive: Receive) -> Receive:
    """`receive` of the unpacked body; as it is for a body that is not packed.

    It raises 415 for an encoding that is not known, and 400 for a body that is not in its encoding.
    """
    encodings = [value for name, value in scope["headers"] if name == b"content-encoding"]
    if not encodings:
        return receive
    encoding = b", ".join(encodings).decode("latin-1").strip().lower()
    return receive if encoding in ("", "identity") else _messages(receive, encoding).__anext__


async def _messages(receive: Receive, encoding: str) -> AsyncIterator[Message]:
    if encoding not in ENCODINGS:
        expected = f"expected a body in gzip, deflate or no encoding, not {encoding[:40]!r}"
        raise HTTPException(415, expected, {"Accept-Encoding": "gzip, deflate"})
    stream, members = None, 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            yield message
            return
        packed, more, piece = message.get("body", b""), message.get("more_body", False), b""
        while packed or len(piece) == PIECE_BYTES:
            stream = stream or zlib.decompressobj(_window_bits(encoding, packed))
            try:
                piece = await run_in_threadpool(stream.decompress, packed, PIECE_BYTES)
            except zlib.error as error:
                raise HTTPException(400, f"expected a body in {encoding}, as Content-Encoding says: {error}") from None
            packed = stream.unconsumed_tail
            if stream.eof:  # another member of a gzip file may follow
                packed, stream, members = stream.unused_data, None, members + 1
                if members > limits.GZIP_MEMBERS:
                    raise HTTPException(400, f"expected a body of at most {limits.GZIP_MEMBERS:,} gzip members")
            yield {"type": "http.request", "body": piece, "more_body": True}
    if stream:
        raise HTTPException(400, f"expected a body in {encoding}, as Content-Encoding says: it ends too early")
    yield {"type": "http.request", "body": b"", "more_body": False}
    while True:
        yield await receive()


def _window_bits(encoding: str, packed: bytes) -> int:
    """What zlib calls the format. Some clients send `deflate` without zlib's header, whose first byte ends in 8."""
    if encoding != "deflate":
        return 16 + zlib.MAX_WBITS
    return zlib.MAX_WBITS if packed[0] & 15 == 8 else -zlib.MAX_WBITS
