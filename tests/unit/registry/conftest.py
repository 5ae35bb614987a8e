"""Fixtures of the registry tests: a served registry on a small HTTP server."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.registry.served import ServedRegistry
from mlflow_like import MlflowLike

Serve = Callable[[type[BaseHTTPRequestHandler]], ServedRegistry]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(handler: type[BaseHTTPRequestHandler]) -> ServedRegistry:
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), handler))
            stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
            registry = ServedRegistry(f"http://127.0.0.1:{server.server_port}/")
            registry.cache_directory = tmp_path / "cache"
            return registry

        yield start


@pytest.fixture
def mlflow_like(small_bundle: CategoryBundle) -> type[MlflowLike]:
    state = {"bundle": small_bundle.directory, "files": {}, "aliases": {"champion": "2"}, "tags": {"a": "b"}}
    return type("Server", (MlflowLike,), state | {"requests": []})


@pytest.fixture
def registry(serve: Serve, mlflow_like: type[MlflowLike]) -> ServedRegistry:
    return serve(mlflow_like)
