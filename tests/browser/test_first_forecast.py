"""A page that was opened before the first forecast shows it without a reload."""

from pathlib import Path

import pytest
from page_alone import page_alone
from playwright.sync_api import Browser, expect
from recorded import recorded

SLOW = 20_000  # milliseconds


@pytest.mark.parametrize(
    ("view", "path", "message"),
    [("", "/compstat", "There is nothing on this week yet."), ("forecast", "/hotspots", "There is no forecast yet.")],
)
def test_the_first_forecast_comes_to_a_page_that_waits_for_it(
    view: str, path: str, message: str, browser: Browser, root: Path
) -> None:
    with page_alone(root) as alone, browser.new_page() as page:
        ready = recorded("ready")
        alone.backend.replace("GET", path, recorded("hotspots_none"), 503)
        alone.backend.replace("GET", "/ready", ready | {"serving": {"crime-category": "1"}})
        page.goto(f"{alone.url}/{view}")
        expect(page.get_by_text(message)).to_be_visible(timeout=SLOW)
        alone.backend.reset()
        expect(page.get_by_test_id("stPlotlyChart").first).to_be_visible(timeout=SLOW)
        expect(page.get_by_text(message)).to_be_hidden()
