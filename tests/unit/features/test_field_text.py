"""Values of a report's fields as an analyst reads them."""

from typing import Any

import pytest
from crime.features.field_text import value_text
from crime.serving.payloads.report import EXAMPLE_REPORT, Report, model_input


def fields(**changes: Any) -> Any:
    return model_input(Report.model_validate(EXAMPLE_REPORT | changes)).fields


@pytest.mark.parametrize(
    ("field", "change", "words"),
    [
        ("DATE OCC", {}, "Sunday, 2023-01-15"),
        ("DATE OCC", {"DATE OCC": "1970-01-01"}, "Thursday, 1970-01-01"),
        ("TIME OCC", {"TIME OCC": 5}, "00:05"),
        ("AREA", {}, "Central"),
        ("Rpt Dist No", {}, "162"),
        ("LAT", {}, "34.0459"),
        ("LON", {}, "-118.2545"),
        ("Date Rptd", {"Date Rptd": "01/15/2023"}, "the same day"),
        ("Date Rptd", {"Date Rptd": "01/16/2023"}, "1 day later"),
        ("Date Rptd", {"Date Rptd": "01/15/2026"}, "1,096 days later"),
        ("Premis Cd", {}, "STREET"),
        ("Premis Cd", {"Premis Cd": ""}, "none recorded"),
        ("Weapon Used Cd", {"Weapon Used Cd": ""}, "none recorded"),
        ("Mocodes 0344", {}, "0344 Removes victim's property"),
        ("Mocodes", {}, "their number, and all that were not given"),
        ("Vict Age", {"Vict Age": 30}, "30"),
    ],
)
def test_values_are_told_as_an_analyst_reads_them(field: str, change: dict[str, Any], words: str) -> None:
    assert value_text(field, fields(**change)) == words
