"""HTTP requests whose answer is bounded in bytes and in time as a whole, not only in the time between two bytes."""

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

STEP_SECONDS = 5.0  # for connecting, and between two bytes
CHUNK_BYTES = 256 << 10


class TooLargeError(OSError):
    """The body has more bytes than may be read."""


@dataclass(frozen=True)
class Answer:
    """An answer, of an error too: its HTTP status, headers by name, and body."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def fetch(request: Request, most: int, seconds: float) -> Answer:
    """The answer to a request, within so many seconds and with so many bytes of body at most. Raises `OSError`.

    A redirect is the answer: whoever sent it does not get the request's credentials passed on.
    """
    deadline = _Deadline(seconds)
    try:
        with _open(request, deadline) as response:
            answer = Answer(response.status, response.headers, _read(response, most))
        if deadline.passed:  # a body without a length ends where its connection is cut
            raise TimeoutError
        return answer
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a length that is no number
        if deadline.passed:  # what was read of a connection that was cut makes no sense
            raise TimeoutError(f"no whole answer within {seconds:g} seconds") from None
        raise error if isinstance(error, OSError) else OSError(f"{type(error).__name__}: {error}") from None
    finally:
        deadline.cancel()


def _open(request: Request, deadline: "_Deadline") -> Any:
    opener = build_opener(_Handler(deadline), _SecureHandler(deadline), _Redirects())
    try:
        return opener.open(request, timeout=min(STEP_SECONDS, deadline.seconds))
    except HTTPError as error:
        return error


def _read(response: Any, most: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := response.read(CHUNK_BYTES):
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            raise TooLargeError(f"it sent more than {most:,} bytes")
    content = b"".join(chunks)
    if missing := getattr(response, "length", None):  # `read` with a size does not notice
        raise IncompleteRead(content, missing)
    return content


class _Deadline:
    """Cuts the connections of a request when its time is over."""

    def __init__(self, seconds: float):
        self.seconds, self.passed = seconds, False
        self._connections: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def connect(self, *arguments: Any, **options: Any) -> socket.socket:
        connection = socket.create_connection(*arguments, **options)
        with self._lock:
            self._connections.append(connection.dup())  # TLS takes the first one over
        if self.passed:
            self._cut()
        return connection

    def _cut(self) -> None:
        self.passed = True
        with self._lock, suppress(OSError):
            for connection in self._connections:
                connection.shutdown(socket.SHUT_RDWR)

    def cancel(self) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()


def _connection(kind: type[HTTPConnection], deadline: _Deadline, host: str, **options: Any) -> HTTPConnection:
    connection = kind(host, **options)
    connection._create_connection = deadline.connect  # type: ignore[attr-defined]
    return connection


class _Redirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follows none."""


class _Handler(HTTPHandler):
    def __init__(self, deadline: _Deadline):
        super().__init__()
        self.deadline = deadline

    def http_open(self, request: Request) -> Any:
        return self.do_open(partial(_connection, HTTPConnection, self.deadline), request)


class _SecureHandler(HTTPSHandler):
    def __init__(self, deadline: _Deadline):
        super().__init__()
        self.deadline = deadline

    def https_open(self, request: Request) -> Any:
        return self.do_open(partial(_connection, HTTPSConnection, self.deadline), request)
