"""The page on a real backend, in a real browser."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from page_services import PageServices
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

expect.set_options(timeout=20_000)  # ms: on a busy machine a view is drawn in that time


@pytest.fixture(scope="session")
def services(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServices]:
    started = PageServices.start(root, tmp_path_factory.mktemp("secret") / "token")
    yield started
    started.stop()


@pytest.fixture
def context_for(browser: Browser) -> Iterator[Callable[[str], BrowserContext]]:
    """Makes a fresh browser profile that may talk to one address; any other request is aborted and fails the test."""
    contexts: list[BrowserContext] = []
    other_urls: list[str] = []

    def make(address: str) -> BrowserContext:
        def check(route: Route) -> None:
            if route.request.url.startswith(address):
                route.continue_()
            else:
                other_urls.append(route.request.url)
                route.abort()

        context = browser.new_context(viewport={"width": 1360, "height": 1400}, accept_downloads=True)
        context.route(lambda url: url.startswith("http"), check)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    assert other_urls == []


@pytest.fixture
def context(context_for: Callable[[str], BrowserContext], services: PageServices) -> BrowserContext:
    """A browser profile for the page alone."""
    return context_for(services.url)


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
