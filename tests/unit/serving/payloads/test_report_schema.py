"""What the OpenAPI document says of a report's values is accepted: the patterns are those of the parsers."""

from datetime import date, timedelta
from re import fullmatch
from typing import Any

import pytest
from crime.core import limits
from crime.reports.dates import parse_date
from crime.reports.parsers import parse_time
from crime.serving.payloads import report_schema as schema
from crime.serving.payloads.report import Report
from hypothesis import given, settings
from hypothesis import strategies as st
from reports import SMALLEST_REPORT

PROPERTIES: dict[str, Any] = Report.model_json_schema()["properties"]
PATTERNS = {
    name: text["pattern"]
    for name, value in PROPERTIES.items()
    for text in [value, *value.get("anyOf", [])]
    if "pattern" in text
}


@pytest.mark.parametrize("name", PATTERNS)
def test_every_text_that_a_pattern_allows_is_accepted(name: str) -> None:
    system = {"System": "nibrs"} if "Cd" in name else {}
    earliest = {"DATE OCC": "1900-01-01"} if name == "Date Rptd" else {}

    @settings(max_examples=200, deadline=None)
    @given(st.from_regex(PATTERNS[name]))
    def accepted(text: str) -> None:
        Report.model_validate(SMALLEST_REPORT | earliest | system | {name: text})

    accepted()


def test_mo_codes_are_told_to_be_as_many_as_are_accepted() -> None:
    for separator in (" ", ", "):
        codes = [f"{code:04}" for code in range(limits.MO_CODES + 1)]
        assert fullmatch(PATTERNS["Mocodes"], separator.join(codes[1:]))
        assert not fullmatch(PATTERNS["Mocodes"], separator.join(codes))


def test_codes_of_the_older_system_are_numbers() -> None:
    legacy = schema.REPORT["anyOf"][1]["properties"]["Premis Cd"]["anyOf"][0]["pattern"]

    @settings(max_examples=200, deadline=None)
    @given(st.from_regex(legacy))
    def accepted(text: str) -> None:
        for system in ("legacy", "nibrs"):
            Report.model_validate(SMALLEST_REPORT | {"System": system, "Premis Cd": text, "Weapon Used Cd": text})

    accepted()


def test_days_that_exist_are_in_the_pattern_and_others_are_not() -> None:
    day = date(1900, 1, 1)
    while day.year <= 2100:
        for text in (day.strftime("%m/%d/%Y"), f"{day.month}/{day.day}/{day.year}", day.isoformat(), f"{day:%Y %b %d}"):
            assert fullmatch(PATTERNS["DATE OCC"], text), text
            assert parse_date(text)[0] == (day - date(1970, 1, 1)).days
        day += timedelta(37)
    for text in ("02/29/2023", "02/29/1900", "04/31/2020", "13/01/2020", "2020-02-30", "1899-12-31", "2101-01-01"):
        assert not fullmatch(PATTERNS["DATE OCC"], text), text
    assert fullmatch(PATTERNS["DATE OCC"], "2020-02-29T12:00:00.000")


def test_times_as_numbers_are_those_of_a_day() -> None:
    ranges = schema.TIME["anyOf"][1]["anyOf"]
    for number in range(2500):
        allowed = any(part["minimum"] <= number <= part["maximum"] for part in ranges)
        try:
            parse_time(str(number))
        except ValueError:
            assert not allowed, number
        else:
            assert allowed, number
