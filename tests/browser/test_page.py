"""What an analyst does with the page."""

import csv
import gzip
import re
from pathlib import Path

import httpx
import pytest
from crime.sample import sample_table
from harness import trained_store
from playwright.sync_api import BrowserContext, Page, expect

SLOW = 20_000  # milliseconds
TRACEBACK = "Traceback"


def choose(page: Page, label: str, words: str) -> None:
    """Search in a select box and take the first hit."""
    box = page.get_by_role("combobox", name=label)
    box.click()
    box.fill(words)
    page.get_by_role("option").first.click()
    page.mouse.click(5, 700)  # closes a list that stays open


def answer(page: Page) -> str:
    """The page's answer, once it has come."""
    metric = page.get_by_test_id("stMetric")
    expect(metric.get_by_text("Most likely")).to_be_visible(timeout=SLOW)
    return metric.inner_text()


def test_three_fields_give_an_answer(page: Page, services) -> None:
    page.goto(services.url)
    assert "sure, from place and time" in answer(page)
    expect(page.get_by_text("What would sharpen this:")).to_be_visible()
    expect(page.get_by_text("the premise. On reports nobody trained on")).to_be_visible()
    expect(page.get_by_text("Model crime-category version 1")).to_be_visible(timeout=SLOW)
    assert TRACEBACK not in page.inner_text("body")


def test_names_are_searched_and_the_url_keeps_them(page: Page, context: BrowserContext, services) -> None:
    page.goto(services.url)
    answer(page)
    choose(page, "Area", "holly")
    choose(page, "Premise", "sidewalk")
    choose(page, "Weapon", "strong")
    choose(page, "MO codes", "hit with weapon")
    expect(page.get_by_text("sure, from the whole report")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Weapon: STRONG-ARM").first).to_be_visible(timeout=SLOW)
    said = answer(page)
    assert "Violence/assault" in said
    page.reload()
    expect(page.get_by_text("sure, from the whole report")).to_be_visible(timeout=SLOW)
    assert answer(page) == said
    other = context.new_page()  # a new session, as on another pod
    other.goto(page.url)
    expect(other.get_by_text("sure, from the whole report")).to_be_visible(timeout=SLOW)
    assert answer(other) == said


def test_explore_filters_and_draws_the_areas(page: Page, services) -> None:
    page.goto(f"{services.url}/explore")
    total = page.get_by_test_id("stMetric").filter(has_text="Reports")
    expect(total.get_by_text("7,888")).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(4, timeout=SLOW)
    expect(page.locator(".js-fill")).to_have_count(21, timeout=SLOW)
    choose(page, "Areas", "Hollywood")
    expect(total.get_by_text("7,888")).to_have_count(0, timeout=SLOW)
    assert "areas=Hollywood" in page.url
    few = total.inner_text()
    page.reload()
    expect(page.get_by_test_id("stMetric").filter(has_text="Busiest area").get_by_text("Hollywood")).to_be_visible(
        timeout=SLOW
    )
    assert total.inner_text() == few


@pytest.fixture
def table(tmp_path: Path) -> Path:
    with sample_table() as path, gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = [row for row, _ in zip(csv.reader(lines), range(61), strict=False)]
    rows[5][3] = "2599"
    path = tmp_path / "reports.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_a_table_is_scored_and_downloaded(page: Page, services, table: Path) -> None:
    page.goto(f"{services.url}/batch")
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(table)
    metrics = page.get_by_test_id("stMetric")
    expect(metrics.filter(has_text="Scored").get_by_text("59")).to_be_visible(timeout=SLOW)
    expect(metrics.filter(has_text="Could not be read").get_by_text("1", exact=True)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the result").click()
    assert download.value.suggested_filename == "reports-predictions.csv"
    with open(download.value.path(), newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 60
    assert found[4]["error"] == "TIME OCC: expected a 24-hour time from 0000 to 2359"


def test_a_file_that_is_no_table_is_told(page: Page, services, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("milk,eggs\n1,2\n")
    page.goto(f"{services.url}/batch")
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(tmp_path / "list.csv")
    expect(page.get_by_text("not an LAPD table: no column 'DATE OCC'")).to_be_visible(timeout=SLOW)


def test_the_model_shows_its_honest_figures(page: Page, services) -> None:
    page.goto(f"{services.url}/model")
    expect(page.get_by_text("2,000 reports from 2020-09-02 on")).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(2, timeout=SLOW)
    page.get_by_role("radio", name="Place and time").or_(page.get_by_role("button", name="Place and time")).click()
    page.wait_for_url("**level=Place**", timeout=SLOW)


def test_the_forecast_shows_where_when_and_how_the_last_one_did(page: Page, services) -> None:
    page.goto(f"{services.url}/forecast")
    expect(page.get_by_text("Expected on Friday, 01 January 2021")).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(3, timeout=SLOW)
    expect(page.get_by_text("days in their 80 % range")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Reports are not crimes")).to_be_visible()
    expect(page.get_by_role("link", name="Explore")).to_be_visible()  # opened directly, it has its frame
    choose(page, "Area", "holly")
    expect(page.get_by_text("Hollywood: the next four weeks")).to_be_visible(timeout=SLOW)
    page.get_by_role("radio", name="Districts").or_(page.get_by_role("button", name="Districts")).click()
    page.wait_for_url("**by=Districts**", timeout=SLOW)
    page.reload()
    expect(page.get_by_text("Hollywood: the next four weeks")).to_be_visible(timeout=SLOW)
    assert "Simulated" not in page.inner_text("body")


def test_without_the_backend_a_message_and_it_heals_by_itself(page: Page, services) -> None:
    page.goto(f"{services.url}/?area=Hollywood+(6)")
    answer(page)
    services.backend.stop()
    choose(page, "Premise", "sidewalk")
    expect(page.get_by_text("The prediction service can't be reached.")).to_be_visible(timeout=SLOW)
    assert TRACEBACK not in page.inner_text("body")
    services.restart_backend()
    expect(page.get_by_text("sure, from place, time and premise")).to_be_visible(timeout=SLOW)
    assert "premise=Sidewalk" in page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(scheme: str, browser, services) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(services.url)
    answer(page)
    color = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    shade = sum(int(part) for part in color.removeprefix("rgb(").rstrip(")").split(","))
    assert (shade > 600) == (scheme == "light")
    page.close()


def test_every_version_of_both_models_is_shown(page: Page, services) -> None:
    page.goto(f"{services.url}/models")
    expect(page.get_by_role("heading", name="Models")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile(r"\d+ decision"))).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("No other version was champion before.")).to_be_visible(timeout=SLOW)
    page.get_by_test_id("stMain").get_by_text("Forecast", exact=True).click()
    expect(page).to_have_url(f"{services.url}/models?name=Forecast", timeout=SLOW)
    assert TRACEBACK not in page.inner_text("body")


def test_monitoring_shows_pods_and_drift(page: Page, services) -> None:
    with sample_table() as path, gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    httpx.post(f"{services.backend.url}/predict/batch", json=rows[:1_000], timeout=60).raise_for_status()
    page.goto(f"{services.url}/monitoring")
    expect(page.get_by_role("heading", name="Pods")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("the data of version 1")).to_be_visible(timeout=SLOW)
    assert TRACEBACK not in page.inner_text("body")


def test_whoever_has_the_token_promotes_and_rolls_back(page: Page, services) -> None:
    trained_store().crime("train", "--seed", "1")
    aliases = httpx.get(f"{services.backend.url}/models").json()["models"][0]["aliases"]
    page.goto(f"{services.url}/models")
    button = page.get_by_role("button", name="Make it champion", exact=True)
    expect(button).to_be_enabled(timeout=SLOW)
    button.click()
    expect(page.get_by_text("expected the bearer token")).to_be_visible(timeout=SLOW)
    page.get_by_label("Although a gate fails, because").fill("to see it on the page")
    page.get_by_label("Token").first.fill("a-token-for-the-page")
    button.click()
    expect(page.get_by_text("is champion.")).to_be_visible(timeout=3 * SLOW)
    moved = httpx.get(f"{services.backend.url}/models").json()["models"][0]["aliases"]
    assert moved["champion"] != aliases["champion"]
    page.reload()
    page.get_by_label("Token").last.fill("a-token-for-the-page")
    page.get_by_role("button", name="Make it champion again").click()
    expect(page.get_by_text("is champion again.")).to_be_visible(timeout=3 * SLOW)
    assert httpx.get(f"{services.backend.url}/models").json()["models"][0]["aliases"]["champion"] == aliases["champion"]
    assert TRACEBACK not in page.inner_text("body")
