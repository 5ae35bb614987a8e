"""The page on a real backend, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_services import PageServices
from playwright.sync_api import Browser, BrowserContext, Page, Route


@pytest.fixture(scope="session")
def services(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServices]:
    started = PageServices.start(root, tmp_path_factory.mktemp("secret") / "token")
    yield started
    started.stop()


@pytest.fixture
def context(browser: Browser, services: PageServices) -> Iterator[BrowserContext]:
    """A fresh browser profile that may talk to the page alone; any other request is aborted and fails the test."""
    context = browser.new_context(viewport={"width": 1360, "height": 1400}, accept_downloads=True)
    other_urls: list[str] = []

    def check(route: Route) -> None:
        if route.request.url.startswith(services.url):
            route.continue_()
        else:
            other_urls.append(route.request.url)
            route.abort()

    context.route(lambda url: url.startswith("http"), check)
    yield context
    context.close()
    assert other_urls == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
