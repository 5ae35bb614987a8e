"""How far reports are behind, by the day it is when it is asked."""

from pathlib import Path

import pytest
from crime.core.days import day_number, today
from crime.reports.files import load_reports
from crime.reports.freshness import Freshness, days_behind, freshness_text, newest_by_system, newest_past_day
from crime.reports.tally import Tally


@pytest.fixture(autouse=True)
def today_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crime.reports.freshness.today", lambda: day_number("2026-11-25"))


@pytest.mark.parametrize(
    ("until", "text"),
    [
        ("2026-11-24", "newest report 2026-11-24, 1 day behind (usual: about 12)"),
        ("2026-11-13", "newest report 2026-11-13, 12 days behind (usual: about 12)"),
        ("2026-10-30", "newest report 2026-10-30, 26 days behind (usual: about 12)"),
        (
            "2026-10-29",
            "newest report 2026-10-29, 27 days behind (usual: about 12, at most 26 just before LAPD's next update)",
        ),
        (None, "no report has a day up to today"),
        ("soon", "no report has a day up to today"),
    ],
)
def test_the_newest_day_stands_beside_what_is_usual(until: str | None, text: str) -> None:
    assert freshness_text(until) == text


def test_a_table_that_was_frozen_says_what_brings_newer_reports() -> None:
    frozen = Freshness({"legacy": day_number("2025-03-28")})
    assert frozen.text.endswith("LAPD froze its own codes' table in March 2025: `crime fetch` brings the live one too")
    both = frozen.with_days({"nibrs": day_number("2026-11-13"), "legacy": day_number("2020-01-01")})
    assert both.newest["legacy"] == day_number("2025-03-28")
    assert both.text == freshness_text("2026-11-13")


def test_a_day_in_the_future_is_not_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(
        "DATE OCC,TIME OCC,AREA,Crm Cd,NIBR Code\n2026-11-13,1,1,510,\n2062-11-13,1,1,510,\n2026-11-20,1,1,,240\n"
    )
    reports = load_reports(path, Tally(), labelled=False)
    assert newest_by_system(reports) == {"legacy": day_number("2026-11-13"), "nibrs": day_number("2026-11-20")}
    assert newest_past_day([]) is None


def test_what_is_no_day_has_no_age() -> None:
    assert days_behind("2026-11-13") == 12
    assert days_behind("") is None


def test_today_is_the_clock_s() -> None:
    assert today() > day_number("2026-01-01")
