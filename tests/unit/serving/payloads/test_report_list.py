"""A list of reports is read as each report alone, and its problems name row, field and value."""

import json
import math
import random
from typing import Any

import numpy as np
import pytest
from crime.reports.schema import column_key
from crime.reports.sources import SOURCES
from crime.serving.errors import MAX_PROBLEMS
from crime.serving.payloads.report import EXAMPLE_REPORT, REPORT_COLUMNS, Report, model_input
from crime.serving.payloads.report_list import parse_report_list
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from reports import SMALLEST_REPORT

ODD: list[Any] = [
    None, "", "  ", math.nan, True, [], ["0344"], {"a": 1}, "nan", "null", -1, 0, -0.0, 1e308, 999, "999", "0344 9998",
    "abc", 101, 101.0, "101.0", 34.05, -118.2, "01/01/2020", "2020-01-01T00:00:00", 10**30, 1.5, "F", "x" * 100,
]  # fmt: skip


def odd_reports(count: int) -> list[dict[str, Any]]:
    rng = random.Random(0)
    reports = []
    for _ in range(count):
        report = dict(EXAMPLE_REPORT) | rng.choice([{}, {}, {"Tme OCC": 1}, {"Transit-related Crime": "No"}])
        for name in rng.sample([column.name for column in SOURCES["legacy"].columns], rng.choice([0, 1, 2])):
            report[name] = rng.choice(ODD)
        for name in rng.sample(list(report), rng.choice([0, 0, 1, 3])):
            del report[name]
        if rng.random() < 0.3:
            report = {name.lower().replace(" ", "_"): value for name, value in report.items()}
        reports.append(json.loads(json.dumps(report)))
    return reports


def problems(payload: list[Any]) -> list[dict[str, Any]]:
    with pytest.raises(RequestValidationError) as caught:
        parse_report_list(payload)
    return list(caught.value.errors())


def problems_alone(report: dict[str, Any]) -> set[tuple[str, str]]:
    """Fields and messages of what is wrong with one report."""
    try:
        Report.model_validate(report)
    except ValidationError as caught:
        found = set()
        for error in caught.errors():
            message = error["msg"].removeprefix("Value error, ")
            if error["type"] == "missing":
                column = REPORT_COLUMNS[column_key(str(error["loc"][0]))]
                found.add((column.name, f"required: expected {column.about}"))
            elif error["loc"]:
                found.add((str(error["loc"][0]), message))
            else:
                found.add(("Date Rptd", message.removeprefix("Date Rptd: ")))
        return found
    return set()


def test_a_list_is_read_as_each_report_alone() -> None:
    accepted = 0
    for report in odd_reports(1_500):
        if wrong := problems_alone(report):
            found = problems([SMALLEST_REPORT, report])
            assert {problem["loc"][1] for problem in found} == {1}
            assert {(problem["loc"][2], problem["msg"]) for problem in found} <= wrong
            continue
        accepted += 1
        alone = model_input(Report.model_validate(report))
        both = parse_report_list([SMALLEST_REPORT, report])
        for name, value in alone.fields.items():
            assert str(both.reports.fields[name][1]) == str(float(value) if isinstance(value, int | float) else value)
        assert (both.missing[1], both.unknown_codes.get(1, [])) == (alone.missing, alone.unknown_codes)
        assert (both.warnings[0], both.warnings[1]) == ([], alone.warnings)
    assert 300 < accepted < 1_400


def test_numbers_that_are_equal_may_be_written_differently() -> None:
    for first, second in ((0.0, -0.0), (-0.0, 0.0)):
        parse_report_list([SMALLEST_REPORT | {"Mocodes": 0}, SMALLEST_REPORT | {"Mocodes": 0.0}])
        (problem,) = problems([SMALLEST_REPORT | {"Mocodes": [first, second]}])
        assert problem["msg"] == "expected MO codes of four digits, separated by spaces"
        assert problems([SMALLEST_REPORT | {"Mocodes": -0.0}])[0]["loc"] == ("body", 0, "Mocodes")


def test_each_wrong_report_is_named_once_with_its_value() -> None:
    found = problems(
        [
            SMALLEST_REPORT,
            SMALLEST_REPORT | {"AREA": 0, "LAT": 99},
            SMALLEST_REPORT | {"TIME OCC": None},
            {"AREA": 3, "TIME OCC": 1},
        ]
    )
    assert [(problem["loc"], problem["input"]) for problem in found] == [
        (("body", 1, "AREA"), 0),
        (("body", 2, "TIME OCC"), None),
        (("body", 3, "DATE OCC"), None),
    ]
    assert found[1]["msg"] == "required: expected 24-hour time it happened"


def test_a_list_holds_objects_with_strings_and_numbers() -> None:
    (problem,) = problems([SMALLEST_REPORT, 3, None])
    assert (problem["loc"], problem["input"]) == (("body", 1), 3)
    (problem,) = problems([SMALLEST_REPORT | {"LAT": {"deg": 1}}])
    assert (problem["loc"], problem["msg"]) == (("body", 0, "LAT"), "expected a string or a number")


def test_no_more_problems_than_can_be_read() -> None:
    assert len(problems([SMALLEST_REPORT | {"AREA": 0}] * 1_000)) == MAX_PROBLEMS


def test_report_numbers_are_kept_for_monitoring() -> None:
    reports = parse_report_list(
        [SMALLEST_REPORT | {"DR_NO": 1}, SMALLEST_REPORT, SMALLEST_REPORT | {"dr_no": "x" * 50}]
    ).reports
    assert reports.fields["dr_no"].tolist() == ["1", None, "x" * 20]
    assert np.isnan(reports.fields["lat"]).all()


NIBRS = SMALLEST_REPORT | {"Premis Cd": "RA", "Premis Desc": "Single Family Home", "Victim Shot": "No"}


@pytest.mark.parametrize(
    ("change", "system"),
    [
        ({}, 1),
        ({"System": None}, 1),
        ({"System": ""}, 1),
        ({"System": "nibrs", "Victim Shot": None}, 1),
        ({"Victim Shot": None, "CaseNo": "1"}, 1),
        ({"Victim Shot": None, "CaseNo": [1]}, 1),
        ({"Victim Shot": None, "TotalVictimCount": {}}, 1),
        ({"System": "legacy", "Premis Cd": "101"}, 0),
        ({"Victim Shot": " ", "Premis Cd": "101"}, 0),
    ],
)
def test_a_reports_system_is_told_alike_alone_and_in_a_list(change: dict[str, Any], system: int) -> None:
    report = NIBRS | change
    alone = model_input(Report.model_validate(report))
    (listed,) = (parse_report_list([report]).reports.fields["system"].tolist(),)
    assert (alone.fields["system"], listed) == (system, [system])
    assert alone.fields["premis_cd"] == parse_report_list([report]).reports.fields["premis_cd"][0]


def test_a_system_that_is_none_is_refused_alone_and_in_a_list() -> None:
    with pytest.raises(ValidationError, match="expected a report system, legacy or nibrs"):
        Report.model_validate(SMALLEST_REPORT | {"System": "srs"})
    with pytest.raises(RequestValidationError) as caught:
        parse_report_list([SMALLEST_REPORT | {"System": "srs"}])
    assert caught.value.errors()[0]["msg"] == "expected a report system, legacy or nibrs"


def test_of_two_names_of_a_field_the_filled_one_is_read_alone_and_in_a_list() -> None:
    report = SMALLEST_REPORT | {"hndrdth_lat": 34.05, "LAT": None, "CaseNo": "1"}
    assert Report.model_validate(report).lat == parse_report_list([report]).reports.fields["lat"][0] == 34.05


def test_a_list_has_one_text_of_each_unknown_mo_code() -> None:
    """A text for each report took 290 MB of a list of 50,000 with 90 unknown codes each."""
    unknown = parse_report_list([SMALLEST_REPORT | {"Mocodes": "9998 9997"}] * 2).unknown_codes
    assert unknown == {0: ["Mocodes 9998", "Mocodes 9997"], 1: ["Mocodes 9998", "Mocodes 9997"]}
    assert unknown[0][0] is unknown[1][0]


def test_of_many_unknown_mo_codes_the_first_are_told_and_how_many_more() -> None:
    report = SMALLEST_REPORT | {"Mocodes": " ".join(map(str, range(9960, 9999)))}
    told = [f"Mocodes {code}" for code in range(9960, 9965)] + ["and 34 more"]
    assert parse_report_list([report]).unknown_codes == {0: told}
    assert model_input(Report.model_validate(report)).unknown_codes == told
