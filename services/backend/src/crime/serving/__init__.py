"""The backend: FastAPI over the champion's bundle. Imports no pandas, mlflow or training code."""

import asyncio
import signal
import socket
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from crime.serving.app import create_app
from crime.settings import Settings

__all__ = ["create_app", "run"]

LAST_WORDS = 0.2  # seconds for requests that are on their way when the socket closes


class _DrainingServer(uvicorn.Server):
    """On SIGTERM turns unready at once, answers on for `drain_seconds`, and only then closes the socket.

    So whoever still has this address has time to learn that it goes away; answers meanwhile ask clients to close
    their connections.
    """

    def __init__(self, app: FastAPI, settings: Settings):
        super().__init__(uvicorn.Config(app, host=settings.host, port=settings.port, log_config=None, access_log=False))
        self.app, self.drain_seconds = app, settings.drain_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGTERM and not self.app.state.draining:
            self.app.state.draining = True
            asyncio.get_running_loop().call_later(self.drain_seconds, super().handle_exit, sig, frame)
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer also those who connected but were not accepted yet: closing a socket resets them."""
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
        await asyncio.sleep(LAST_WORDS)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        http: Any = self.config.http_protocol_class
        return http(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def run(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    _DrainingServer(create_app(settings), settings).run()
