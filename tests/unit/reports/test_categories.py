"""Every crime code has a category, and the same offence has the same one in both report systems."""

import csv
from importlib.resources import files

import pytest
from crime.reports.categories import CATEGORIES, CRIME_CODES, crime_code_index
from crime.reports.codes import code_names


def category(system: str, code: str) -> str:
    return list(CATEGORIES)[CRIME_CODES[crime_code_index()[system, code]].category]  # type: ignore[index]


def test_every_crime_code_has_a_category_and_no_other() -> None:
    legacy = [crime for crime in CRIME_CODES if crime.system == "legacy"]
    assert len(legacy) == len(code_names("crime")) == 140
    assert {crime.category for crime in legacy} == set(range(len(CATEGORIES)))
    assert {crime.category for crime in CRIME_CODES if crime.system == "nibrs"} == set(range(len(CATEGORIES)))
    expected = {"354": "fraud_forgery", "624": "violence_assault", "740": "vandalism_destruction"}
    expected |= {"510": "theft_burglary", "900": "weapons_legal", "121": "sexual", "888": "miscellaneous"}
    assert {code: category("legacy", code) for code in expected} == expected


@pytest.mark.parametrize(
    ("nibrs", "legacy"),
    [
        ("09A", "110"),  # homicide
        ("100", "910"),  # kidnapping
        ("11A", "121"),  # rape
        ("120", "210"),  # robbery
        ("13A", "230"),  # aggravated assault
        ("13C", "930"),  # threats
        ("200", "648"),  # arson
        ("210", "940"),  # extortion
        ("220", "310"),  # burglary
        ("23F", "330"),  # burglary from a vehicle
        ("240", "510"),  # a stolen vehicle
        ("26F", "354"),  # identity theft
        ("270", "668"),  # embezzlement
        ("290", "740"),  # vandalism
        ("510", "942"),  # bribery
        ("520", "756"),  # weapons
        ("64A", "822"),  # trafficking for sex
        ("64B", "921"),  # trafficking for labour
        ("90H", "932"),  # peeping
        ("90J", "888"),  # trespass
        ("90Z", "900"),  # court orders and resisting
    ],
)
def test_an_offence_has_the_same_category_in_both_systems(nibrs: str, legacy: str) -> None:
    assert category("nibrs", nibrs) == category("legacy", legacy)


@pytest.mark.parametrize(
    ("serious", "minor"),
    [("230", "624"), ("236", "626"), ("510", "480"), ("341", "440"), ("740", "745"), ("930", "928"), ("649", "660")],
)
def test_a_felony_is_serious_and_its_lesser_offence_is_not(serious: str, minor: str) -> None:
    codes = crime_code_index()
    assert CRIME_CODES[codes["legacy", serious]].serious
    assert not CRIME_CODES[codes["legacy", minor]].serious


def test_every_nibrs_code_says_why() -> None:
    with (files("crime.reports") / "tables" / "nibrs_crime.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert not [row["NIBR Code"] for row in rows if not row["Reason"] or not row["Name"]]
