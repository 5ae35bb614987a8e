"""The page and the API's own page where nothing else can be reached: `context_for` aborts requests to other hosts."""

from collections.abc import Callable
from pathlib import Path

from page_services import PageServices
from playwright.sync_api import BrowserContext, Page, expect

SLOW = 20_000  # milliseconds
TITLES = {
    "": "This week",
    "predict": "What kind of report is this?",
    "forecast": "What to expect",
    "explore": "Where and when",
    "batch": "A table of reports",
    "models": "Models",
    "model": "Models",  # an address of earlier releases
    "monitoring": "Models",
}


def test_each_view_draws_without_other_hosts(page: Page, services: PageServices) -> None:
    for view, title in TITLES.items():
        page.goto(f"{services.url}/{view}")
        expect(page.get_by_role("heading", name=title, level=1)).to_be_visible(timeout=SLOW)
        expect(page.get_by_text("Crime prediction 0")).to_be_visible(timeout=SLOW)  # the footer is drawn last


def test_the_apis_page_draws_and_calls_without_other_hosts(
    context_for: Callable[[str], BrowserContext], services: PageServices
) -> None:
    page = context_for(services.backend.url).new_page()
    page.goto(f"{services.backend.url}/docs")
    expect(page.get_by_role("heading", name="Crime prediction")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("/predict/batch", exact=True)).to_be_visible(timeout=SLOW)
    health = page.locator("#operations-health-health_health_get")
    health.get_by_role("button").first.click()
    health.get_by_role("button", name="Try it out").click()
    health.get_by_role("button", name="Execute").click()
    expect(health.get_by_text('"status": "ok"').first).to_be_visible(timeout=SLOW)


def test_the_page_works_below_a_path(context_for: Callable[[str], BrowserContext], root: Path, tmp_path: Path) -> None:
    services = PageServices.start(root, tmp_path / "token", "/crime")
    try:
        page = context_for(services.url).new_page()
        page.goto(f"{services.url}/predict?area=Hollywood+(6)")
        expect(page.get_by_text("Most likely")).to_be_visible(timeout=SLOW)
        page.get_by_role("link", name="Explore").click()
        expect(page.get_by_text("Busiest area")).to_be_visible(timeout=SLOW)
        assert page.url.startswith(f"{services.url}/explore")
    finally:
        services.stop()
