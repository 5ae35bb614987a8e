"""Options and fixtures of the tests across services."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, sync_playwright

if TYPE_CHECKING:
    from openid import Provider

ROOT = Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cluster")
    group.addoption("--kubeconfig", help="a cluster to test on; never the current context by accident")
    group.addoption(
        "--load-images", default="minikube image load", help="command that hands built images to the cluster"
    )
    group.addoption("--soak-minutes", type=float, default=3, help="how long mixed load goes on; 30 before a release")
    group.addoption("--upgrades", type=int, default=3, help="in a row; 20 before a release")
    group.addoption(
        "--kill-minutes",
        type=float,
        default=0,
        help="pods killed at random after each was in turn; 10 before a release",
    )
    parser.addoption("--mutations", type=int, default=500, help="damaged bundles that are tried; 10000 every night")
    group.addoption("--base-image", default="python:3.13-slim", help="Python base of the images")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="module")
def provider() -> Iterator["Provider"]:
    """An OpenID provider as a process."""
    from openid import Provider  # with what it needs: most tests have no use for it

    provider = Provider()
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, the system's own or Playwright's; skips where there is none.

    For one module: while Playwright runs, its event loop does, and no other test of the process could start one.
    """
    system = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        if not system and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium here: scripts/tools installs it")
        browser = playwright.chromium.launch(
            executable_path=system, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()
