"""The pages for everybody: axe-core's rules in both themes, phones, zoom, the keyboard."""

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from page_services import PageServices
from playwright.sync_api import Browser, Page, expect

SLOW = 20_000  # milliseconds
VIEWS = ("", "predict", "forecast", "explore", "batch", "review", "models")
FITS = """() => {
    const main = document.querySelector("[data-testid=stMain]");
    return main.scrollWidth - main.clientWidth <= 1;
}"""
OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, services: PageServices) -> Iterator[OpenPage]:
    """Opens a view once it is drawn, in a browser with these properties."""
    opened = []

    def open_view(view: str, width: int = 1360, **properties: object) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 1200}, **properties)  # type: ignore[arg-type]
        opened.append(page)
        page.goto(f"{services.url}/{view}")
        expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=SLOW)
        expect(page.get_by_test_id("stStatusWidget")).to_be_hidden(timeout=SLOW)
        return page

    yield open_view
    for page in opened:
        page.close()


def serious_violations(page: Page) -> set[str]:
    return {
        f"{violation['id']}: {node['html'][:200]}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    }


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious_and_nothing_needs_sideways_scrolling(open_page: OpenPage, view: str) -> None:
    page = open_page(view, color_scheme="light")
    assert not serious_violations(page)
    for width in (680, 390):  # what a window of 1360 pixels shows at 200 %, and a phone
        page.set_viewport_size({"width": width, "height": 1200})
        page.wait_for_function(FITS, timeout=SLOW)  # tables follow a new width after a moment
    dark = open_page(view, color_scheme="dark")
    assert not serious_violations(dark)


def test_every_chart_has_a_name_and_a_table(open_page: OpenPage) -> None:
    for view in ("", "forecast", "explore", "models"):
        page = open_page(view)
        charts = page.get_by_test_id("stPlotlyChart")
        expect(page.get_by_text("Crime prediction 0")).to_be_visible(timeout=SLOW)  # all of it has come
        expect(charts.first).to_be_visible(timeout=SLOW)
        names = charts.evaluate_all(
            "charts => charts.map(chart => chart.closest('[aria-label]') !== null || "
            "chart.querySelector('[aria-label]') !== null)"
        )
        assert all(names), view
        tables = page.get_by_role("group").or_(page.locator("details")).filter(has_text="Numbers: ")
        assert tables.count() >= charts.count(), view


def test_filters_are_reached_and_changed_by_the_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page("")
    area = page.get_by_role("combobox", name="Area")
    for _press in range(40):
        page.keyboard.press("Tab")
        if area.evaluate("element => element === document.activeElement"):
            break
    else:
        pytest.fail("forty Tabs do not reach the area")
    page.keyboard.type("holly")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="A year of weeks: Hollywood")).to_be_visible(timeout=SLOW)


def test_the_document_has_the_language_of_its_texts(open_page: OpenPage) -> None:
    french = open_page("", locale="fr-FR")
    expect(french.locator("html")).to_have_attribute("lang", "fr", timeout=SLOW)
    expect(french.get_by_role("heading", name="Cette semaine")).to_be_visible(timeout=SLOW)
    french.get_by_role("button", name="English").click()
    expect(french.get_by_role("heading", name="This week")).to_be_visible(timeout=SLOW)
    expect(french.locator("html")).to_have_attribute("lang", "en", timeout=SLOW)
    assert "lang=en" in french.url
