"""What an analyst does with the page."""

import csv
import datetime
import gzip
import re
from pathlib import Path

import httpx
import openpyxl
import pytest
from crime.sample import sample_table
from harness import trained_store, write_table
from page_services import TOKEN, PageServices
from playwright.sync_api import Browser, BrowserContext, Page, expect

SLOW = 20_000  # milliseconds
TRACEBACK = "Traceback"


def sample_rows(count: int) -> list[dict[str, str]]:
    """The first reports of the embedded sample."""
    with sample_table() as path, gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return [row for row, _ in zip(csv.DictReader(lines), range(count), strict=False)]


def choose(page: Page, label: str, words: str, option: str | None = None) -> None:
    """Search in a select box and take an option by its name, or the first hit."""
    box = page.get_by_role("combobox", name=label)
    box.click()
    box.fill(words)
    (page.get_by_role("option", name=option, exact=True) if option else page.get_by_role("option")).first.click()
    page.mouse.click(5, 700)  # closes a list that stays open


def choose_segment(page: Page, name: str) -> None:
    """Press a part of a segmented control."""
    page.get_by_role("radio", name=name).or_(page.get_by_role("button", name=name)).click()


def answer(page: Page) -> str:
    """The page's answer, once it has come."""
    metric = page.get_by_test_id("stMetric")
    expect(metric.get_by_text("Most likely")).to_be_visible(timeout=SLOW)
    return metric.inner_text()


@pytest.mark.parametrize("start", ["", "forecast", "explore"])
def test_each_page_has_its_own_filters_and_the_area_goes_along(page: Page, services: PageServices, start: str) -> None:
    """Also where nothing was pressed on the page before, which Streamlit treats otherwise."""
    page.goto(f"{services.url}/{start}?area=Hollywood")
    expect(page.get_by_role("combobox", name="Area")).to_have_value("Hollywood", timeout=SLOW)  # it is drawn
    titles = {"Forecast": "What to expect", "Explore": "Where and when", "This week": "This week"}
    for name in ("Forecast", "Explore", "This week", "Explore", "Forecast"):
        expect(page.get_by_test_id("stStatusWidget")).to_be_hidden(timeout=SLOW)
        page.get_by_role("link", name=name, exact=True).first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(titles[name], timeout=SLOW)
        expect(page.get_by_role("combobox", name="Area")).to_have_value("Hollywood", timeout=SLOW)
        page.wait_for_url("**area=Hollywood**", timeout=SLOW)
        assert "None" not in page.url
        assert page.get_by_text("encountered an error").count() == 0
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Where and when", timeout=SLOW)
    expect(page.get_by_role("combobox", name="Area")).to_have_value("Hollywood", timeout=SLOW)


def test_the_first_page_compares_the_week_and_leads_to_the_hours_of_an_area(page: Page, services: PageServices) -> None:
    now = services.ask("/compstat?area=6&category=all")["now"]["last"]
    last = datetime.date.fromisoformat(now)
    page.goto(services.url)
    expect(page.get_by_role("heading", name="This week")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(f"to {last.day} {last:%B %Y}").first).to_be_visible(timeout=SLOW)
    choose(page, "Area", "holly", "Hollywood")
    expect(page.get_by_role("heading", name="A year of weeks: Hollywood, all reports")).to_be_visible(timeout=SLOW)
    page.get_by_role("link", name="Where, and at what hours").click()
    page.wait_for_url("**/explore?area=Hollywood**", timeout=SLOW)
    hollywood = services.ask("/reports?area=6")["total"]
    total = page.get_by_test_id("stMetric").filter(has_text="Reports")
    expect(total.get_by_text(f"{hollywood:,}")).to_be_visible(timeout=SLOW)
    assert TRACEBACK not in page.inner_text("body")


def test_an_untouched_form_shows_the_base_rates(page: Page, services: PageServices) -> None:
    page.goto(f"{services.url}/predict")
    expect(page.get_by_text("nothing is known yet")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("would tell most:")).to_be_visible()
    expect(page.get_by_text("These are the base rates")).to_be_visible()
    assert page.url == f"{services.url}/predict"
    assert TRACEBACK not in page.inner_text("body")


def test_three_fields_give_an_answer(page: Page, services: PageServices) -> None:
    page.goto(f"{services.url}/predict?date=2023-01-15&time=14:30&area=Central")
    assert "sure, from Date, Time, Area" in answer(page)
    expect(page.get_by_text("What would sharpen this")).to_be_visible()
    expect(page.get_by_text("On reports held out of training")).to_be_visible()
    version = services.ask("/ready")["version"]
    expect(page.get_by_text(f"Model crime-category version {version}")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(f"Crime prediction {services.ask('/')['version']}")).to_be_visible(timeout=SLOW)
    assert TRACEBACK not in page.inner_text("body")


def test_names_are_searched_and_the_url_keeps_them(page: Page, context: BrowserContext, services: PageServices) -> None:
    page.goto(f"{services.url}/predict")
    expect(page.get_by_text("nothing is known yet")).to_be_visible(timeout=SLOW)
    choose(page, "Area", "holly", "Hollywood")
    choose(page, "Premise", "sidewalk")
    choose(page, "Weapon", "strong")
    choose(page, "MO codes", "hit with weapon")
    known = "sure, from Area, Premise, Weapon, MO codes"
    expect(page.get_by_text(known)).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Weapon, STRONG-ARM").first).to_be_visible(timeout=SLOW)
    first_answer = answer(page)
    assert "Violence/assault" in first_answer
    page.reload()
    expect(page.get_by_text(known)).to_be_visible(timeout=SLOW)
    assert answer(page) == first_answer
    other = context.new_page()  # a new session, as on another pod
    other.goto(page.url)
    expect(other.get_by_text(known)).to_be_visible(timeout=SLOW)
    assert answer(other) == first_answer


def test_on_a_phone_the_answer_stays_in_sight(context: BrowserContext, services: PageServices) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{services.url}/predict?area=Hollywood")
    answer(page)
    expect(page.get_by_test_id("stMetric")).to_be_in_viewport()
    page.get_by_text("More, if known").scroll_into_view_if_needed()
    page.mouse.move(195, 600)
    page.mouse.wheel(0, 300)
    expect(page.get_by_test_id("stMetric")).to_be_in_viewport()
    page.close()


def test_an_address_with_a_reports_fields_leads_to_predict(page: Page, services: PageServices) -> None:
    page.goto(f"{services.url}/?area=Hollywood+(6)&premise=Street+(101)&date=2023-01-15")
    assert "Premise" in answer(page)
    expect(page.get_by_role("combobox", name="Area")).to_have_value("Hollywood")
    assert page.url.startswith(f"{services.url}/predict?")
    page.goto(f"{services.url}/?area=Hollywood")
    expect(page.get_by_role("heading", name="This week", level=1)).to_be_visible(timeout=SLOW)


def test_explore_filters_and_draws_the_areas(page: Page, services: PageServices) -> None:
    all_reports, hollywood = services.ask("/reports")["total"], services.ask("/reports?area=6")["total"]
    assert hollywood < all_reports
    page.goto(f"{services.url}/explore")
    total = page.get_by_test_id("stMetric").filter(has_text="Reports")
    expect(total.get_by_text(f"{all_reports:,}")).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(4, timeout=SLOW)
    expect(page.locator(".maplibregl-canvas")).to_be_visible(timeout=SLOW)
    choose(page, "Area", "holly", "Hollywood")
    expect(total.get_by_text(f"{hollywood:,}")).to_be_visible(timeout=SLOW)
    page.wait_for_url("**area=Hollywood**", timeout=SLOW)
    page.reload()
    busiest = page.get_by_test_id("stMetric").filter(has_text="Busiest area")
    expect(busiest.get_by_text("Hollywood")).to_be_visible(timeout=SLOW)
    expect(total.get_by_text(f"{hollywood:,}")).to_be_visible(timeout=SLOW)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A CSV file of 60 reports, of which the fifth has a time that is none."""
    rows = sample_rows(60)
    rows[4]["TIME OCC"] = "2599"
    path = tmp_path / "reports.csv"
    write_table(path, rows)
    return path


def upload(page: Page, table: Path) -> None:
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(table)


def test_a_table_is_scored_and_downloaded(page: Page, services: PageServices, table: Path) -> None:
    page.goto(f"{services.url}/batch")
    upload(page, table)
    metrics = page.get_by_test_id("stMetric")
    expect(metrics.filter(has_text="Scored").get_by_text("59")).to_be_visible(timeout=SLOW)
    expect(metrics.filter(has_text="Rejected").get_by_text("1", exact=True)).to_be_visible()
    expect(metrics.filter(has_text="Rows with a crime code").get_by_text("59")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the result").click()
    assert download.value.suggested_filename == "reports-predictions.csv"
    with open(download.value.path(), newline="") as file:
        scored = list(csv.DictReader(file))
    assert len(scored) == 60
    assert scored[4]["error"] == "TIME OCC: expected a 24-hour time from 0000 to 2359"


def test_a_scored_table_is_still_there_after_another_page(page: Page, services: PageServices, table: Path) -> None:
    page.goto(f"{services.url}/batch")
    upload(page, table)
    rejected = page.get_by_test_id("stMetric").filter(has_text="Rejected").get_by_text("1", exact=True)
    expect(rejected).to_be_visible(timeout=SLOW)
    page.get_by_role("link", name="Explore").click()
    expect(page.get_by_role("heading", name="Where and when")).to_be_visible(timeout=SLOW)
    page.get_by_role("link", name="Batch").click()
    expect(page.get_by_role("heading", name="reports.csv")).to_be_visible(timeout=SLOW)
    expect(rejected).to_be_visible(timeout=SLOW)


def test_columns_of_other_names_are_chosen_on_the_page(page: Page, services: PageServices, tmp_path: Path) -> None:
    rows = sample_rows(30)
    names = {"DATE OCC": "When", "TIME OCC": "Clock", "AREA": "Division"}
    write_table(tmp_path / "other.csv", [{own: row[name] for name, own in names.items()} for row in rows])
    page.goto(f"{services.url}/batch")
    upload(page, tmp_path / "other.csv")
    expect(page.get_by_text("have other names here than in LAPD's tables")).to_be_visible(timeout=SLOW)
    for name, own in names.items():
        choose(page, f"({name})", own)
    page.get_by_role("button", name="Read these columns").click()
    scored = page.get_by_test_id("stMetric").filter(has_text="Scored")
    expect(scored.get_by_text("30")).to_be_visible(timeout=SLOW)
    write_table(tmp_path / "next.csv", [{own: row[name] for name, own in names.items()} for row in rows[:20]])
    upload(page, tmp_path / "next.csv")
    expect(scored.get_by_text("20")).to_be_visible(timeout=SLOW)


def test_a_workbook_is_taken_without_an_error(page: Page, services: PageServices, tmp_path: Path) -> None:
    rows = sample_rows(20)
    workbook = openpyxl.Workbook()
    assert workbook.active
    for cells in (list(rows[0]), *(list(row.values()) for row in rows)):
        workbook.active.append(cells)
    workbook.save(tmp_path / "reports.xlsx")
    page.goto(f"{services.url}/batch")
    upload(page, tmp_path / "reports.xlsx")
    scored = page.get_by_test_id("stMetric").filter(has_text="Scored")
    expect(scored.get_by_text("20")).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("stFileUploader").get_by_role("alert")).to_have_count(0)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)


def test_versions_are_compared_on_the_same_reports(page: Page, services: PageServices) -> None:
    page.goto(f"{services.url}/model?level=Place+and+time")  # an address of an earlier release
    evaluation = services.ask("/models/crime-category/evaluation")
    expect(page.get_by_text(f"the same {evaluation['reports']:,} reports")).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(5, timeout=SLOW)
    page.wait_for_url(f"{services.url}/models?**level=**", timeout=SLOW)
    choose_segment(page, "and premise")
    page.wait_for_url("**level=premise**", timeout=SLOW)
    assert TRACEBACK not in page.inner_text("body")


def test_the_forecast_shows_where_and_when(page: Page, services: PageServices) -> None:
    first = datetime.date.fromisoformat(services.ask("/hotspots?top=1")["first"])
    before = services.ask("/forecast")["before"]
    page.goto(f"{services.url}/forecast")
    expect(page.get_by_text(f"Los Angeles, all reports: {first.day} {first:%B %Y} to")).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(3 if before else 2, timeout=SLOW)
    expect(page.get_by_text("days in their 80 % range")).to_have_count(1 if before else 0, timeout=SLOW)
    expect(page.get_by_text("Reports are not crimes")).to_be_visible()
    expect(page.get_by_role("link", name="Explore")).to_be_visible()  # opened directly, it has its frame
    choose(page, "Area", "holly", "Hollywood")
    heading = page.get_by_role("heading", name="The next four weeks by day: Hollywood, all reports")
    expect(heading).to_be_visible(timeout=SLOW)
    choose_segment(page, "Districts")
    page.wait_for_url("**by=district**", timeout=SLOW)
    page.reload()
    expect(page.get_by_text("Outlines of districts are not LAPD's")).to_be_visible(timeout=SLOW)
    with page.expect_download() as download:
        page.get_by_role("button", name="All places as CSV").click()
    with open(download.value.path(), newline="") as file:
        areas = {row["area"] for row in csv.DictReader(file)}
    assert areas == {"6"}
    assert "Simulated" not in page.inner_text("body")


def test_a_printed_forecast_has_its_map_and_table_and_no_controls(page: Page, services: PageServices) -> None:
    page.goto(f"{services.url}/forecast")
    filters = page.get_by_role("combobox", name="Area")
    expect(filters).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Crime prediction 0")).to_be_visible(timeout=SLOW)
    expect(page.locator(".js-plotly-plot .main-svg").filter(visible=True).first).to_be_visible(timeout=SLOW)
    page.emulate_media(media="print")
    expect(filters).to_be_hidden()
    expect(page.get_by_role("link", name="Explore")).to_be_hidden()
    expect(page.locator(".st-key-paper-map img")).to_be_visible()
    expect(page.locator(".st-key-paper-ranking table")).to_be_visible()
    edges = page.evaluate(
        "[...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.getBoundingClientRect().right)"
    )
    assert max(edges) <= page.evaluate("document.querySelector('.block-container').getBoundingClientRect().right")


def test_without_the_backend_a_message_and_the_page_comes_back_by_itself(page: Page, services: PageServices) -> None:
    page.goto(f"{services.url}/predict?area=Hollywood+(6)")
    answer(page)
    services.backend.stop()
    try:
        choose(page, "Premise", "sidewalk")
        expect(page.get_by_text("The prediction service can't be reached.")).to_be_visible(timeout=SLOW)
        assert TRACEBACK not in page.inner_text("body")
    finally:
        services.restart_backend()
    expect(page.get_by_text("sure, from Area, Premise")).to_be_visible(timeout=SLOW)
    assert "premise=102" in page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(scheme: str, browser: Browser, services: PageServices) -> None:
    page = browser.new_page(color_scheme="light" if scheme == "light" else "dark")
    page.goto(f"{services.url}/predict?area=Hollywood")
    answer(page)
    color = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    shade = sum(int(part) for part in color.removeprefix("rgb(").rstrip(")").split(","))
    assert (shade > 600) == (scheme == "light")
    page.close()


def test_every_version_of_both_models_is_shown(page: Page, services: PageServices) -> None:
    previous = services.aliases().get("previous")
    page.goto(f"{services.url}/models?show=versions")
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile(r"\d+ decision"))).to_be_visible(timeout=SLOW)
    before = f"Version {previous} was champion before." if previous else "No other version was champion before."
    expect(page.get_by_text(before)).to_be_visible(timeout=SLOW)
    page.get_by_test_id("stMain").get_by_text("Forecast", exact=True).click()
    page.wait_for_url("**name=crime-risk**", timeout=SLOW)
    assert TRACEBACK not in page.inner_text("body")


def test_an_uploaded_table_is_no_live_traffic(page: Page, services: PageServices, table: Path) -> None:
    before = services.ask("/drift")["reports"]
    page.goto(f"{services.url}/batch")
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(table)
    expect(page.get_by_role("button", name="Download the result")).to_be_visible(timeout=SLOW)
    assert services.ask("/drift")["reports"] == before


def test_monitoring_shows_pods_and_drift(page: Page, services: PageServices) -> None:
    reports = sample_rows(1_000)
    httpx.post(f"{services.backend.url}/predict/batch", json=reports, timeout=60).raise_for_status()
    version = services.ask("/ready")["version"]
    page.goto(f"{services.url}/monitoring")  # an address of an earlier release
    expect(page.get_by_role("heading", name="Pods")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("heading", name="Accuracy by week")).to_be_visible(timeout=SLOW)
    page.wait_for_url(f"{services.url}/models?**show=running**", timeout=SLOW)
    choose_segment(page, "Drift")
    expect(page.get_by_text(f"beside those that version {version} was trained on")).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("stPlotlyChart").first).to_be_visible(timeout=SLOW)
    assert TRACEBACK not in page.inner_text("body")


def test_the_token_allows_to_promote_and_roll_back(page: Page, services: PageServices) -> None:
    trained_store().crime("train", "--seed", "1")
    champion = services.aliases()["champion"]
    page.goto(f"{services.url}/models?show=versions")
    forms = page.get_by_test_id("stForm")
    promote = forms.filter(has=page.get_by_role("heading", name="Promote"))
    back = forms.filter(has=page.get_by_role("heading", name="Roll back"))
    button = promote.get_by_role("button", name="Make it champion", exact=True)
    expect(button).to_be_enabled(timeout=SLOW)
    promote.get_by_label("Who decides").fill("an analyst")
    promote.get_by_label("Reason").fill("to see it on the page")
    promote.get_by_text("Although a gate fails").click()
    button.click()
    expect(page.get_by_text("expected the bearer token")).to_be_visible(timeout=SLOW)
    promote.get_by_label("Token").fill(TOKEN)
    button.click()
    expect(page.get_by_text("is champion.")).to_be_visible(timeout=3 * SLOW)
    assert services.aliases()["champion"] != champion
    expect(page.get_by_text(f"Version {champion} was champion before.")).to_be_visible(timeout=SLOW)  # without a reload
    back.get_by_label("Who decides").fill("an analyst")
    back.get_by_label("Reason").fill("as it was")
    back.get_by_label("Token").fill(TOKEN)
    back.get_by_role("button", name="Make it champion again").click()
    expect(page.get_by_text("is champion again.")).to_be_visible(timeout=3 * SLOW)
    assert services.aliases()["champion"] == champion
    assert TRACEBACK not in page.inner_text("body")
