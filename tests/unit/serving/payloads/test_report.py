"""A report payload: any dialect of LAPD's names, blanks and nulls, and problems that name field and value."""

import json
import math
from typing import Any

import pytest
from crime.reports.schema import column_key
from crime.reports.systems import NONE_RECORDED, Code
from crime.serving.payloads.report import EXAMPLE_REPORT, REPORT_COLUMNS, Report, model_input
from pydantic import TypeAdapter, ValidationError
from reports import SMALLEST_REPORT

NOT_KNOWN = {"rpt_dist_no", "premis_cd", "weapon_used_cd", "lat", "lon", "date_rptd"}


def read(**changes: Any) -> Report:
    return Report.model_validate(SMALLEST_REPORT | changes)


def problem(payload: Any) -> tuple[tuple[int | str, ...], str]:
    with pytest.raises(ValidationError) as caught:
        Report.model_validate(payload)
    (error,) = caught.value.errors()
    return error["loc"], error["msg"].removeprefix("Value error, ")


def test_every_column_that_the_model_may_use_is_a_field() -> None:
    fields = {key: field for key, field in Report.model_fields.items() if key not in ("dr_no", "warnings")}
    assert set(fields) == set(REPORT_COLUMNS)
    for key, field in fields.items():
        column = REPORT_COLUMNS[key]
        assert (field.alias, field.description) == (column.name, column.about)
        assert field.is_required() == column.required


def test_values_are_those_of_the_model() -> None:
    report = Report.model_validate(EXAMPLE_REPORT)
    assert (report.date_occ, report.time_occ, report.area, report.rpt_dist_no) == (19372, 14 * 60 + 30, 1, 162)
    assert (report.premis_cd, report.weapon_used_cd, report.mocodes) == (
        Code("legacy", "101", ""),
        Code("legacy", "400", ""),
        ("0344", "1822"),
    )
    assert (report.lat, report.lon) == (34.0459, -118.2545)


@pytest.mark.parametrize("rename", [str.lower, column_key, "\ufeff{} ".format, lambda name: name.replace(" ", "_")])
def test_names_may_be_in_any_dialect(rename: Any) -> None:
    renamed = {rename(name): value for name, value in EXAMPLE_REPORT.items()}
    assert repr(Report.model_validate(renamed)) == repr(Report.model_validate(EXAMPLE_REPORT))


def test_of_a_column_that_comes_twice_the_last_counts() -> None:
    assert read(area=5).area == 5
    assert Report.model_validate({"area": 5} | SMALLEST_REPORT).area == 1


def test_columns_that_follow_from_the_answer_are_ignored() -> None:
    assert repr(read(**{"Crm Cd": 624, "Status": "AA", "LOCATION": [1]})) == repr(read())


@pytest.mark.parametrize("value", [None, math.nan])
def test_null_means_not_known(value: float | None) -> None:
    names = {REPORT_COLUMNS[key].name: value for key in NOT_KNOWN} | {"Mocodes": value}
    for report in (read(**names), read()):
        assert report.mocodes is None
        assert all(getattr(report, key) is None or math.isnan(getattr(report, key)) for key in NOT_KNOWN)


@pytest.mark.parametrize("blank", ["", "  "])
def test_blank_means_that_none_was_recorded(blank: str) -> None:
    report = read(**{"Premis Cd": blank, "Weapon Used Cd": blank, "Mocodes": blank, "LAT": blank, "Date Rptd": blank})
    assert (report.premis_cd, report.weapon_used_cd, report.mocodes) == (NONE_RECORDED, NONE_RECORDED, ())
    assert math.isnan(report.lat)  # a place can't be "none"
    assert math.isnan(report.date_rptd)


@pytest.mark.parametrize("codes", ["0344 1822", "344,1822", ["0344", "1822"], [344, 1822], ["0344 1822", "0344"]])
def test_mo_codes_are_text_or_a_list(codes: Any) -> None:
    assert read(Mocodes=codes).mocodes == ("0344", "1822")


def test_the_report_number_is_shortened_and_never_wrong() -> None:
    assert read(DR_NO=200114278).dr_no == "200114278"
    assert read(dr_no="x" * 50).dr_no == "x" * 20
    assert read(DR_NO=None).dr_no == read(DR_NO=["1"]).dr_no == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"TIME OCC": 2530}, "expected a 24-hour time from 0000 to 2359"),
        ({"TIME OCC": True}, "expected a string or a number"),
        ({"AREA": 22}, "expected an area number from 1 to 21"),
        ({"AREA": ""}, "required: expected area, 1 to 21"),
        ({"DATE OCC": None}, "required: expected date it happened"),
        ({"DATE OCC": math.nan}, "required: expected date it happened"),
        ({"DATE OCC": "15,01,2023"}, "expected a date as 01/31/2020 or 2020-01-31"),
        ({"DATE OCC": 44941}, "expected a date as 01/31/2020 or 2020-01-31"),
        ({"Mocodes": [["0344"]]}, "expected MO codes of four digits, separated by spaces"),
        ({"TIME OCC": 0.5}, "expected a 24-hour time from 0000 to 2359"),
        ({"Premis Cd": "street"}, "expected an LAPD code, a whole number; `System` nibrs tells a NIBRS report"),
        ({"Mocodes": [f"{code:04}" for code in range(41)]}, "expected at most 40 MO codes"),
        ({"Mocodes": [0] * 41}, "expected at most 40 MO codes"),
        ({"Mocodes": "0344 " * 41}, "expected at most 40 MO codes"),
        ({"Mocodes": "abc"}, "expected MO codes of four digits, separated by spaces"),
        ({"Mocodes": {"a": 1}}, "expected a string or a number"),
        ({"LON": [1]}, "expected a string or a number"),
        ({"LAT": 51.5}, "expected a latitude in Los Angeles, 33.3 to 34.9"),
        ({"LAT": math.inf}, "expected a latitude in Los Angeles, 33.3 to 34.9"),
    ],
)
def test_a_problem_names_the_field_and_what_was_expected(change: dict[str, Any], message: str) -> None:
    assert problem(SMALLEST_REPORT | change) == ((next(iter(change)),), message)


def test_problems_of_the_whole_report() -> None:
    assert problem([]) == ((), "expected a report: an object with LAPD's column names")
    assert problem(SMALLEST_REPORT | {"Date Rptd": "01/14/2023"}) == (
        (),
        "Date Rptd: expected a date not before DATE OCC",
    )
    with pytest.raises(ValidationError) as caught:
        Report.model_validate({})
    assert [error["loc"] for error in caught.value.errors()] == [("DATE OCC",), ("TIME OCC",), ("AREA",)]


def test_json_may_hold_nan() -> None:
    report = TypeAdapter(Report).validate_json(json.dumps(SMALLEST_REPORT | {"LAT": math.nan}))
    assert math.isnan(report.lat)


def test_the_model_gets_known_codes_alone() -> None:
    given = model_input(read(**{"Premis Cd": 999, "Weapon Used Cd": 0, "Mocodes": "0344 9998", "LAT": 34.05}))
    assert given.unknown_codes == ["Premis Cd 999", "Mocodes 9998"]
    assert given.fields["premis_cd"] is None
    assert given.fields["weapon_used_cd"] == NONE_RECORDED
    assert given.missing == ["Date Rptd", "Rpt Dist No", "Premis Cd", "LON"]
    assert "dr_no" not in given.fields
