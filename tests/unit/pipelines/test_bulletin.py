"""The bulletin of a forecast with known numbers."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
from crime.core.errors import BundleError, ModelNotFoundError
from crime.forecaster.bundle import ForecastBundle
from crime.pipelines.bulletin import bulletin_html, forecast_of_week
from memory_registry import MemoryRegistry
from written_forecast import ORIGIN, write_forecast


class Reader(HTMLParser):
    """The rows of all tables as text, and every address that the page would load."""

    def __init__(self, html: str):
        super().__init__()
        self.rows: list[list[str]] = []
        self.loads: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.loads += [str(value) for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self.get_starttag_text() in ("<td>", "<th>"):  # the latest tag that began
            self.rows[-1][-1] += data.rstrip("\n")


@pytest.fixture
def html(tmp_path: Path) -> str:
    return bulletin_html(ForecastBundle(write_forecast(tmp_path / "forecast"), "7"))


def test_it_holds_what_is_unusual_and_every_comparison(html: str) -> None:
    rows = Reader(html).rows
    assert ["Hollywood, theft/burglary", "7 days", "60", "38", "26 to 51"] in rows
    assert not any("District" in row[0] for row in rows)  # chance explains it
    hollywood = ["Hollywood", "55", "55", "+0 % (-50 % to +50 %)", "28", "+100 % (+20 % to +250 %)"]
    assert hollywood in rows
    assert ["Los Angeles", "77", "77", "+0 % (-50 % to +50 %)", "0", "▲ (+1900 % or more)"] in rows
    assert ["Central", "1,144", "1,144", "+0 % (-50 % to +50 %)", "–", "–"] in rows  # no year before the year to date
    assert sum(row[0] == "Theft/burglary" for row in rows) == 3  # once a period


def test_it_needs_nothing_else_and_says_what_it_is_of(html: str) -> None:
    assert Reader(html).loads == []
    assert "<script" not in html
    assert "Reports of the week to 2020-12-31" in html
    assert "crime-risk version 7" in html
    assert "Simulated." in html
    assert "A random draw" not in html
    assert html.count("<polyline") == 1


def test_a_draw_is_told(tmp_path: Path) -> None:
    html = bulletin_html(ForecastBundle(write_forecast(tmp_path / "draw", simulated=0, share=1 / 127)))
    assert "Counts are of 1 in 127 of LAPD's reports, as drawn" in html
    assert "Simulated." not in html


def test_the_week_of_a_day_is_that_of_the_version_whose_reports_end_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = MemoryRegistry()
    registry.register("crime-risk", write_forecast(tmp_path / "forecast"), "champion")
    assert forecast_of_week(registry, None).version == "1"
    assert forecast_of_week(registry, "2020-12-31").origin == ORIGIN
    assert forecast_of_week(registry, "2021-01-06").origin == ORIGIN
    for day in ("2020-12-30", "2021-01-07"):
        with pytest.raises(ModelNotFoundError, match=day):
            forecast_of_week(registry, day)


def test_a_forecast_of_an_earlier_release_is_refused_with_what_to_do(tmp_path: Path) -> None:
    registry = MemoryRegistry()
    registry.register("crime-risk", write_forecast(tmp_path / "earlier", earlier_release=True), "champion")
    with pytest.raises(BundleError, match="`crime forecast` makes one"):
        forecast_of_week(registry, None)
