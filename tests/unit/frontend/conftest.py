"""The page's views on a backend with recorded answers."""

import threading
from collections.abc import Iterator
from functools import cache
from http.server import ThreadingHTTPServer
from pathlib import Path

import crime_ui
import pytest
import streamlit as st
from crime_ui.client import transport
from recorded import OpenView, RecordedBackend, handler_of
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

PAGE = Path(crime_ui.__file__).parent


@pytest.fixture(scope="session", autouse=True)
def one_package_scan() -> Iterator[None]:
    """AppTest reads the metadata of every installed package, looking for components: once instead of once a view."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="session")
def server() -> Iterator[RecordedBackend]:
    backend = RecordedBackend("")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(backend)) as http_server:
        backend.url = f"http://127.0.0.1:{http_server.server_port}"
        thread = threading.Thread(target=http_server.serve_forever, args=[0.02])
        thread.start()
        yield backend
        http_server.shutdown()
        thread.join()


@pytest.fixture
def backend(server: RecordedBackend, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedBackend]:
    """The recorded backend, with the client on it and nothing cached."""
    server.reset()
    monkeypatch.setenv("BACKEND_URL", server.url)
    monkeypatch.delenv("BACKEND_PODS", raising=False)
    monkeypatch.setattr(transport, "PAUSE_SECONDS", 0.01)
    transport.http_client.cache_clear()
    st.cache_data.clear()
    yield server
    transport.http_client().close()
    transport.http_client.cache_clear()


@pytest.fixture
def open_view(backend: RecordedBackend) -> OpenView:
    """Open a view by its name, with parameters in the address; fails if the script raises."""

    def open_one(name: str, /, **parameters: str) -> AppTest:
        view = AppTest.from_file(PAGE / "views" / f"{name}.py", default_timeout=15)
        for parameter, value in parameters.items():
            view.query_params[parameter] = value
        view.run()
        assert not view.exception, view.exception
        return view

    return open_one


@pytest.fixture
def app(backend: RecordedBackend) -> AppTest:
    """The whole page, not yet run."""
    return AppTest.from_file(PAGE / "app.py", default_timeout=15)
