"""The page on a real backend, in a real browser."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import Backend, free_port, start_backend, trained_store, wait_for
from playwright.sync_api import Browser, BrowserContext, Page, Route


@dataclass
class Services:
    url: str
    backend: Backend

    token_file: Path

    def restart_backend(self) -> None:
        port = self.backend.url.rsplit(":", 1)[1]
        self.backend = start_backend(mlruns=trained_store().mlruns, port=port, token_file=self.token_file)


@pytest.fixture(scope="session")
def services(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    token_file = tmp_path_factory.mktemp("secret") / "token"
    token_file.write_text("a-token-for-the-page")
    backend = start_backend(mlruns=trained_store().mlruns, token_file=token_file)
    port = free_port()
    log = tempfile.TemporaryFile()  # noqa: SIM115 (the process keeps it)
    frontend = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "src/crime_ui/app.py", f"--server.port={port}"],
        cwd=root / "services/frontend",
        env={**os.environ, "BACKEND_URL": backend.url},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    wait_for(f"http://127.0.0.1:{port}/_stcore/health", frontend, log)
    found = Services(f"http://127.0.0.1:{port}", backend, token_file)
    yield found
    frontend.kill()
    found.backend.stop()


@pytest.fixture
def context(browser: Browser, services: Services) -> Iterator[BrowserContext]:
    """A fresh browser profile that may talk to the page alone; anything else is written down and fails the test."""
    context = browser.new_context(viewport={"width": 1360, "height": 1400}, accept_downloads=True)
    strangers: list[str] = []

    def check(route: Route) -> None:
        if route.request.url.startswith(services.url):
            route.continue_()
        else:
            strangers.append(route.request.url)
            route.abort()

    context.route(lambda url: url.startswith("http"), check)
    yield context
    context.close()
    assert strangers == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
