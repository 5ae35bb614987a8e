"""A process that may open 1,024 files at first, as in many container runtimes, answers beside more connections."""

import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
from harness import Backend
from reports import SMALLEST_REPORT

CONNECTIONS = 1_200


@pytest.fixture
def few_files() -> Iterator[Callable[[int], None]]:
    """Set how many files this process, and those that it starts, may open at first."""
    allowed, possible = resource.getrlimit(resource.RLIMIT_NOFILE)
    if possible != resource.RLIM_INFINITY and possible < 2 * CONNECTIONS:
        pytest.skip(f"this process may open only {possible} files: `ulimit -Hn {2 * CONNECTIONS}`")
    yield lambda files: resource.setrlimit(resource.RLIMIT_NOFILE, (files, possible))
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, possible))


def test_many_connections_leave_room_for_a_friendly_one(
    few_files: Callable[[int], None], start: Callable[..., Backend]
) -> None:
    few_files(1_024)
    backend = start()
    few_files(2 * CONNECTIONS)
    host, port = backend.url.removeprefix("http://").split(":")
    with ExitStack() as opened:
        for _ in range(CONNECTIONS):
            client = opened.enter_context(socket.create_connection((host, int(port)), timeout=10))
            with suppress(OSError):
                client.sendall(b"GET /ve")
        for _ in range(5):
            assert backend.http.post("/predict", json=SMALLEST_REPORT).status_code == 200
