"""The server process: uvicorn with connection draining, and JSON logs. Imports no pandas, mlflow or training code."""

import asyncio
import logging
import resource
import signal
import socket
import sys
from contextlib import suppress
from types import FrameType
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from pydantic_core import to_json

from crime.core import limits
from crime.core.memory import use_one_heap
from crime.core.settings import Settings
from crime.serving.app import create_app
from crime.serving.protocol import BoundedProtocol
from crime.serving.state import AppState

# what runs inline is the page `/docs`; short, as every answer has it
CONTENT_POLICY = "default-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
# of every answer: data for the client that asked, never framed, taken for another media type, or cached
SECURITY_HEADERS = [
    ("Content-Security-Policy", CONTENT_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cache-Control", "no-store"),
]
SWITCH_SECONDS = 0.0005  # after which a thread that scores a table lets the event loop go on; Python's are 0.005
MANY_FILES = 1 << 16  # to open at once; connections that were refused linger for a moment
OTHER_FILES = 250  # than connections: tables on disk, bundles, the registry
LAST_REQUEST_SECONDS = 2.0  # in which a connection that was opened before the socket closed must send its request


class DrainingServer(uvicorn.Server):
    """On SIGTERM becomes unready at once, keeps answering for `drain_seconds`, and only then closes the socket.

    Load balancers and clients have that time to stop using this address; answers meanwhile ask clients to close their
    connections.
    """

    def __init__(self, app: FastAPI, settings: Settings):
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            ws="none",
            http=BoundedProtocol,
            headers=SECURITY_HEADERS,
            timeout_keep_alive=limits.IDLE_SECONDS,
        )
        super().__init__(config)
        self.drain_seconds = settings.drain_seconds
        self.state: AppState = app.state.backend
        self.state.open_requests = BoundedProtocol.open_requests

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the socket, and look after the connections from then on."""
        await super().startup(sockets)
        self._looking = asyncio.create_task(self._look_after_connections())

    async def _look_after_connections(self) -> None:
        while True:
            await asyncio.sleep(1)
            now = asyncio.get_running_loop().time()
            connections: set[Any] = self.server_state.connections
            for connection in list(connections):
                connection.look(now)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start draining on the first SIGTERM; any further signal ends the server at once."""
        if sig == signal.SIGTERM and not self.state.draining:
            self.state.draining = True
            asyncio.get_running_loop().call_later(self.drain_seconds, super().handle_exit, sig, frame)
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the socket, then answer every connection that was opened before.

        Such a connection may still wait in the socket's backlog, or may not have sent its request yet.
        """
        loop = asyncio.get_running_loop()
        for server in self.servers:
            listeners = [socket.fromfd(s.fileno(), s.family, s.type) for s in server.sockets]
            server.close()
            for listener in listeners:
                await self._accept_backlog(listener)
        connections: set[Any] = self.server_state.connections
        deadline = loop.time() + LAST_REQUEST_SECONDS
        await asyncio.sleep(0.1)  # the event loop may have accepted connections just now
        while any(http.cycle is None for http in connections) and loop.time() < deadline:  # noqa: ASYNC110 (no event)
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)
        self._looking.cancel()

    async def _accept_backlog(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        with listener, suppress(BlockingIOError):
            while True:
                connection, _ = listener.accept()
                await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        http_protocol: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = http_protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    use_one_heap()
    sys.setswitchinterval(SWITCH_SECONDS)
    BoundedProtocol.max_connections = connections_by_files()
    _configure_logging()
    DrainingServer(create_app(settings), settings).run()


def connections_by_files() -> int:
    """How many connections may be open: as many as `limits` say, or fewer where the process may open fewer files.

    Container runtimes often allow 1,024 files and let a process raise that itself.
    """
    allowed, possible = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(allowed, MANY_FILES if possible == resource.RLIM_INFINITY else min(possible, MANY_FILES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, possible))
    return max(1, min(limits.CONNECTIONS, wanted - OTHER_FILES))


def _configure_logging() -> None:
    """One JSON object a line on standard output."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(lambda event, **_: to_json(event, fallback=repr)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
