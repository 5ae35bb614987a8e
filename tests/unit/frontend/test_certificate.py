"""A certificate that is renewed in its file is served to connections from then on, and a broken one is not."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from certificates import Authority, serial, write
from crime_ui import limits, protocol
from harness import free_port, wait_until
from starlette.applications import Starlette


@pytest.fixture
def authority() -> Authority:
    return Authority()


class Served:
    """A server whose certificate is in `folder`, as Streamlit starts the page's."""

    def __init__(self, folder: Path, authority: Authority):
        self.folder, self.port, self.trusted = folder, free_port(), ssl.create_default_context()
        self.trusted.load_verify_locations(cadata=authority.pem.decode())
        certificate, key = folder / "tls.crt", folder / "tls.key"
        config = uvicorn.Config(
            Starlette(), port=self.port, ssl_certfile=certificate, ssl_keyfile=key, log_level="error"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        wait_until(lambda: self.server.started)

    def seen(self, host: str | None = "127.0.0.1") -> int:
        """The certificate that a new connection gets, after it was checked. None: a client that names no host."""
        context = self.trusted if host else ssl._create_unverified_context()
        with (
            socket.create_connection(("127.0.0.1", self.port)) as plain,
            context.wrap_socket(plain, server_hostname=host) as connection,
        ):
            return serial(connection.getpeercert(binary_form=True) or b"")


@pytest.fixture
def served(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(limits, "CERTIFICATE_SECONDS", 0.02)
    monkeypatch.setattr(uvicorn.Server, "startup", uvicorn.Server.startup)  # put back at the end
    protocol.bound_connections()
    write(tmp_path, authority.issue("127.0.0.1"))
    served = Served(tmp_path, authority)
    yield served
    served.server.should_exit = True
    served.thread.join()


def test_a_renewed_certificate_is_served_without_a_restart(served: Served, authority: Authority) -> None:
    before = served.seen()
    for _ in range(3):
        renewed = authority.issue("127.0.0.1")
        write(served.folder, renewed)
        wait_until(lambda: served.seen() == serial(renewed[0]))  # noqa: B023 (called at once)
        assert served.seen(None) == serial(renewed[0]) != before


def test_a_certificate_that_can_not_be_used_leaves_the_one_before(
    served: Served, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    before = served.seen()
    other_key = authority.issue("127.0.0.1")[1]
    for name, content in (("tls.key", other_key), ("tls.crt", b"no certificate"), ("tls.crt", b"")):
        told = len(caplog.records)
        (served.folder / name).write_bytes(content)
        wait_until(lambda: len(caplog.records) > told)  # noqa: B023 (called at once)
        assert "can't be used, so the one before stays" in caplog.text
        assert served.seen() == before
    (served.folder / "tls.key").unlink()
    renewed = authority.issue("127.0.0.1")
    write(served.folder, renewed)
    wait_until(lambda: served.seen() == serial(renewed[0]))
