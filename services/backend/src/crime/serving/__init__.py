"""The backend: FastAPI over the champion's bundle. Imports no pandas, mlflow or training code."""

import asyncio
import signal
from types import FrameType

import uvicorn

from crime.serving.app import create_app
from crime.settings import Settings

__all__ = ["create_app", "run"]


class _DrainingServer(uvicorn.Server):
    """On SIGTERM turns unready at once, answers on for `drain_seconds`, and only then closes the socket.

    So whoever still has this address has time to learn that it goes away; answers meanwhile ask clients to close
    their connections.
    """

    def __init__(self, config: uvicorn.Config, drain_seconds: float):
        super().__init__(config)
        self.drain_seconds = drain_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        state = (
            self.config.loaded_app.state
            if hasattr(self.config.loaded_app, "state")
            else self.config.app.state
        )  # type: ignore[union-attr]
        if sig == signal.SIGTERM and not state.draining:
            state.draining = True
            asyncio.get_running_loop().call_later(self.drain_seconds, super().handle_exit, sig, frame)
        else:
            super().handle_exit(sig, frame)


def run(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    config = uvicorn.Config(
        create_app(settings), host=settings.host, port=settings.port, log_config=None, access_log=False
    )
    _DrainingServer(config, settings.drain_seconds).run()
