"""The backend: FastAPI over the champion's bundle. Imports no pandas, mlflow or training code."""

import asyncio
import signal
import socket
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from crime.core.settings import Settings
from crime.serving.app import create_app

KEEP_ALIVE_SECONDS = (
    75  # seconds: longer than clients keep idle connections (httpx: 5), so that they are who closes them
)
LAST_REQUEST_SECONDS = 2.0  # seconds at most for those who connected before the socket closed and have not asked yet


class DrainingServer(uvicorn.Server):
    """On SIGTERM turns unready at once, answers on for `drain_seconds`, and only then closes the socket.

    So whoever still has this address has time to learn that it goes away; answers meanwhile ask clients to close
    their connections.
    """

    def __init__(self, app: FastAPI, settings: Settings):
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            ws="none",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        super().__init__(config)
        self.app, self.drain_seconds = app, settings.drain_seconds
        app.state.requests = self.server_state.tasks

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGTERM and not self.app.state.draining:
            self.app.state.draining = True
            asyncio.get_running_loop().call_later(self.drain_seconds, super().handle_exit, sig, frame)
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer also those who connected but were not accepted yet, or have not asked yet, when the socket closes."""
        loop = asyncio.get_running_loop()
        for server in self.servers:
            queues = [socket.fromfd(s.fileno(), s.family, s.type) for s in server.sockets]
            server.close()
            for queue in queues:
                queue.setblocking(False)
                with queue, suppress(BlockingIOError):
                    while True:
                        connection, _ = queue.accept()
                        await loop.connect_accepted_socket(self._protocol, connection)
        connections: set[Any] = self.server_state.connections
        end = loop.time() + LAST_REQUEST_SECONDS
        await asyncio.sleep(0.1)  # the loop itself may have accepted some just now
        while any(http.cycle is None for http in connections) and loop.time() < end:  # noqa: ASYNC110 (no event for it)
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        http: Any = self.config.http_protocol_class
        return http(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    DrainingServer(create_app(settings), settings).run()
