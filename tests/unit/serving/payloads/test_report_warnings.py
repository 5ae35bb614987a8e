"""A field that is not read is named, with what was meant; a column that is known and left out is not."""

import math
from typing import Any

import pytest
from crime.classifier.limits import TrainingLimits
from crime.reports.sources import SOURCES
from crime.reports.systems import System
from crime.serving.payloads.report import EXAMPLE_REPORT, Report, model_input
from crime.serving.payloads.report_list import parse_report_list
from crime.serving.payloads.report_warnings import MAX_NAMED, MAX_SEARCHED, unread_warnings, value_warnings
from reports import SMALLEST_REPORT

NIBRS_FIELD = {"Domestic Violence Crime": "Yes"}


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("Premise Cdd", "Premise Cdd: not a field; did you mean Premis Cd?"),
        ("Tme OCC", "Tme OCC: not a field; did you mean TIME OCC?"),
        ("weapon_used", "weapon_used: not a field; did you mean Weapon Used Cd?"),
        ("Rpt Dist", "Rpt Dist: not a field; did you mean Rpt Dist No?"),
        ("Transit Crime", "Transit Crime: not a field; did you mean Transit-related Crime?"),
        ("id", "id: not a field"),
        ("x" * 100, f"{'x' * 60}: not a field"),
        ("warnings", "warnings: not a field"),
    ],
)
def test_a_name_that_is_no_field_is_named_with_the_nearest(name: str, warning: str) -> None:
    assert model_input(Report.model_validate(SMALLEST_REPORT | {name: 1})).warnings == [warning]


@pytest.mark.parametrize("system", SOURCES)
def test_columns_that_are_known_are_no_reason_for_a_warning(system: System) -> None:
    row = {column.name: "1" for column in SOURCES[system].columns}
    assert unread_warnings(row | {"System": system}, system) == []
    assert unread_warnings({name.lower().replace(" ", "_"): cell for name, cell in row.items()}, system) == []


@pytest.mark.parametrize(
    ("fields", "warnings"),
    [
        (NIBRS_FIELD | {"Mocodes": "0344"}, ["Mocodes: not read in a report by LAPD NIBRS (since 2024)"]),
        (NIBRS_FIELD | {"Mocodes": None, "Vict Age": " ", "Part 1-2": 1, "DR_NO": 1}, []),
        (
            NIBRS_FIELD | {"System": "legacy"},
            ["Domestic Violence Crime: not read in a report by LAPD crime codes (until 2025)"],
        ),
        ({"LAT": math.nan, "LOCATION": math.nan}, ["LAT: NaN, taken as not known"]),
        ({"LAT": None}, []),
    ],
)
def test_a_field_of_the_other_system_and_nan_are_named(fields: dict[str, Any], warnings: list[str]) -> None:
    report = SMALLEST_REPORT | fields
    assert model_input(Report.model_validate(report)).warnings == warnings
    assert parse_report_list([SMALLEST_REPORT, report, SMALLEST_REPORT]).warnings == [[], warnings, []]


def test_names_are_told_up_to_a_number() -> None:
    many = SMALLEST_REPORT | {f"Premise Cd {number}": 1 for number in range(MAX_NAMED + 3)}
    *named, rest = unread_warnings(many, "legacy")
    assert (len(named), rest) == (MAX_NAMED, "3 more names are not fields")
    odd = [SMALLEST_REPORT | {f"Premise Cd {number}": 1} for number in range(MAX_SEARCHED + 1)]
    assert parse_report_list(odd).warnings[0] == ["Premise Cd 0: not a field"]
    assert parse_report_list(odd[1:]).warnings[0] == ["Premise Cd 1: not a field; did you mean Premis Cd?"]


def test_a_district_of_another_area_is_named() -> None:
    limits = TrainingLimits(18_000, 20_000, frozenset({"legacy"}))
    assert value_warnings(limits, 19_000, "legacy", 1, 162) == value_warnings(limits, 19_000, "legacy", 1, 0) == []
    (warning,) = value_warnings(limits, 19_000, "legacy", 21, 162)
    assert warning == "Rpt Dist No: 162 is not in AREA 21, whose districts are 2100 to 2199"
    assert len(value_warnings(limits, 22_000, "nibrs", 21, 162)) == 3
    assert model_input(Report.model_validate(EXAMPLE_REPORT)).warnings == []
