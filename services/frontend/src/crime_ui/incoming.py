"""Uploads while they arrive: bounded in size, in time, and in what all sessions together hold.

Streamlit bounds the size of each upload alone, reads its parts into memory, and keeps it until the session ends.
"""

import asyncio
import re
import sys
import time

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from crime_ui import limits

_PATH = re.compile(r"/_stcore/upload_file/(?P<session>[^/]+)/(?P<file>[^/]+)$")
_BOUNDARY = re.compile(rb"boundary=\"?([^\";,]{1,200})")
Upload = tuple[str, str]  # Streamlit's session and file


class Uploads:
    """Middleware that ends an upload which is too large, too slow, of several parts, or one too many.

    Where a new one has no room, the oldest that are on the page give way: their result stays, the file is forgotten.
    """

    def __init__(self, app: ASGIApp):
        self.app = app
        self._arriving: dict[Upload, int] = {}  # bytes so far
        self._since: dict[Upload, float] = {}  # of those that are on the page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _PATH.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        upload = found["session"], found["file"]
        body = _Body(receive, dict(scope["headers"]).get(b"content-type", b""))

        async def receive_bounded() -> Message:
            if upload not in self._arriving and len(self._arriving) >= limits.ARRIVING_UPLOADS:
                raise HTTPException(503, "too many uploads arrive now. Try again in a minute", {"Retry-After": "60"})
            self._arriving.setdefault(upload, 0)
            message = await body.next()
            self._arriving[upload] = body.bytes
            self._make_room(upload)
            return message

        async def send_closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] >= 400:  # the rest of the body is not read
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
                else:
                    self._since[upload] = time.monotonic()
            await send(message)

        try:
            await self.app(scope, receive_bounded, send_closing)
        finally:
            self._arriving.pop(upload, None)

    def _make_room(self, upload: Upload) -> None:
        """Raises `HTTPException` if there is none although all that may give way did."""
        files = _files()
        kept = {(session, file): len(of_session[file].data) for session, of_session in files for file in of_session}
        self._since = {one: at for one, at in self._since.items() if one in kept}
        oldest_first = sorted(kept, key=lambda one: self._since.get(one, 0.0))
        own = [one for one in oldest_first if one[0] == upload[0]]
        giving_way = own[: max(len(own) + 1 - limits.SESSION_UPLOADS, 0)]
        size = sum(self._arriving.values()) + sum(kept.values()) - sum(kept[one] for one in giving_way)
        for one in oldest_first:
            if size <= limits.UPLOADS_BYTES:
                break
            if one not in giving_way and self._is_idle(one):
                giving_way.append(one)
                size -= kept[one]
        for session, file in giving_way:
            _manager().remove_file(session, file)
        if size > limits.UPLOADS_BYTES:
            raise HTTPException(503, "other uploads take all the room. Try again in a minute", {"Retry-After": "60"})

    def _is_idle(self, upload: Upload) -> bool:
        """Whether an upload was there for its page to read, and is not being read now."""
        session, file = upload
        is_read = sys.getrefcount(_manager().file_storage[session][file].data) > 2  # the record's, and this call's
        return not is_read and time.monotonic() - self._since.get(upload, 0.0) > limits.UPLOAD_READ_SECONDS


class _Body:
    """The body of an upload as it arrives. `bytes`: so far."""

    def __init__(self, receive: Receive, content_type: bytes):
        self._receive = receive
        self._began = time.monotonic()
        found = _BOUNDARY.search(content_type)
        self._delimiter = b"--" + found[1] if found else b""
        self._delimiters, self._tail = 0, b""
        self.bytes = 0

    async def next(self) -> Message:
        """The next part. Raises `HTTPException`."""
        allowed = limits.UPLOAD_SECONDS + self.bytes / limits.UPLOAD_BYTES_PER_SECOND
        remaining = self._began + allowed - time.monotonic()
        try:
            async with asyncio.timeout(max(remaining, 0)):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "the upload comes too slowly") from None
        if remaining < 0:
            raise HTTPException(408, "the upload comes too slowly")
        piece: bytes = message.get("body", b"")
        self.bytes += len(piece)
        if self.bytes > limits.UPLOAD_BYTES + limits.UPLOAD_FRAME_BYTES:
            raise HTTPException(413, f"larger than {limits.UPLOAD_BYTES >> 20} MB")
        self._count_parts(piece)
        return message

    def _count_parts(self, piece: bytes) -> None:
        """One part is an upload; further ones would be held in memory, a megabyte each."""
        if not self._delimiter:
            raise HTTPException(400, "expected one file as multipart/form-data")
        window = self._tail + piece
        self._delimiters += window.count(self._delimiter)
        self._tail = window[-(len(self._delimiter) - 1) :]
        if self._delimiters > 2:  # before the file and behind it
            raise HTTPException(400, "expected one file")


def _manager() -> MemoryUploadedFileManager:
    manager = runtime.get_instance().uploaded_file_mgr
    assert isinstance(manager, MemoryUploadedFileManager)
    return manager


def _files() -> list[tuple[str, dict[str, UploadedFileRec]]]:
    """The uploads that are on the page, by session."""
    return [(session, dict(files)) for session, files in list(_manager().file_storage.items())]
