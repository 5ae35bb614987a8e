"""LAPD's NIBRS table is read in every dialect it has had; an offense is a row, and a case counts once a category."""

from pathlib import Path
from typing import Any

import pytest
from crime.reports.categories import CATEGORIES, CRIME_CODES
from crime.reports.files import load_reports
from crime.reports.systems import NONE_RECORDED, SYSTEMS, Code, comparable_text
from crime.reports.tally import Tally

API = (
    "caseno,uniquenibrno,date_rptd,date_occ,time_occ,area,area_name,rpt_dist_no,totaloffensecount,group,"
    "nibr_code,nibr_description,crime_against,premis_cd,premis_desc,weapon_used_cd,weapon_desc,status,"
    "status_desc,totalvictimcount,victim_shot,domestic_violence_crime,hate_crime,gang_related_crime,"
    "transit_related_crime,homeless_victim_crime,homeless_suspect_crime,homeless_arrestee_crime,"
    "hndrdth_loc_chk,hndrdth_lat,hndrdth_lon"
)
EXPORT = (
    "CaseNo,UniqueNIBRNo,Date Rptd,Date OCC,Time OCC,AREA,AREA NAME,RPT Dist No,TotalOffenseCount,Group,"
    "NIBR Code,NIBR Description,Crime Against,Premise Cd,Premise Desc,Weapon Used Cd,Weapon Desc,Status,"
    "Status Desc,TotalVictimCount,Victim Shot,Domestic Violence Crime,Hate Crime,Gang-related Crime,"
    "Transit-related Crime,Homeless-Victim Crime,Homeless-Suspect Crime,Homeless-Arrestee Crime,LOCATION,"
    "LAT,LON"
)
HOME = {
    "caseno": "25245851",
    "uniquenibrno": "25245851_290_0",
    "date_rptd": "2025-12-31T00:00:00.000",
    "date_occ": "2025-12-31T00:00:00.000",
    "time_occ": "2120",
    "area": "20",
    "area_name": "Olympic",
    "rpt_dist_no": "2071",
    "group": "A",
    "nibr_code": "290",
    "nibr_description": "594(B)(2)(A) - PC - M - Vandalism Less Than $400 - Misd - 290",
    "crime_against": "Property",
    "premis_cd": "RA",
    "premis_desc": "Single Family Home",
    "status": "14",
    "victim_shot": "No",
    "domestic_violence_crime": "Yes",
    "gang_related_crime": "No",
    "transit_related_crime": "No",
    "hndrdth_lat": "34.0463",
    "hndrdth_lon": "-118.3102",
}


def read(path: Path, header: str, *rows: dict[str, str]) -> tuple[Any, Tally]:
    lines = [header, *(",".join(row.get(key, "") for key in API.split(",")) for row in rows)]
    path.write_text("\n".join(lines))
    tally = Tally()
    return load_reports(path, tally), tally


@pytest.mark.parametrize("header", [API, EXPORT], ids=["api", "export"])
@pytest.mark.parametrize(
    ("date", "time"), [("2025-12-31T21:20:59", "2120"), ("12/31/2025 12:00:00 AM", "2120"), ("2025 Dec 31", "2120")]
)
def test_a_row_is_read_in_every_dialect(header: str, date: str, time: str, tmp_path: Path) -> None:
    reports, tally = read(
        tmp_path / "table.csv", header, HOME | {"date_occ": date, "date_rptd": date, "time_occ": time}
    )
    fields = {name: values[0] for name, values in reports.fields.items()}
    assert (fields["date_occ"], fields["time_occ"], fields["area"], fields["rpt_dist_no"]) == (20453, 1280, 20, 2071)
    assert (fields["lat"], fields["lon"]) == (34.0463, -118.3102)
    assert SYSTEMS[int(fields["system"])] == "nibrs"
    assert fields["premis_cd"] == Code("nibrs", "RA", "single family home")
    assert fields["weapon_used_cd"] == NONE_RECORDED
    assert (fields["domestic_violence_crime"], fields["victim_shot"]) == (1, 0)
    assert fields["mocodes"] is None
    crime = CRIME_CODES[reports.code[0]]
    assert (crime.system, crime.code, list(CATEGORIES)[crime.category]) == ("nibrs", "290", "vandalism_destruction")
    assert (tally.rows, tally.rejected_rows, tally.merged) == (1, 0, 0)


def test_columns_that_follow_from_the_answer_are_never_fields(tmp_path: Path) -> None:
    reports, _ = read(tmp_path / "table.csv", API, HOME)
    never = {"nibr_description", "group", "crime_against", "status", "hate_crime", "homeless_victim_crime"}
    assert not never & reports.fields.keys()
    assert "caseno" not in reports.fields


def test_a_case_counts_once_a_category(tmp_path: Path) -> None:
    again = HOME | {"uniquenibrno": "25245851_200_1", "nibr_code": "200"}  # arson: of the same category
    other = HOME | {"uniquenibrno": "25245851_13B_2", "nibr_code": "13B"}
    reports, tally = read(tmp_path / "table.csv", API, HOME, again, other)
    assert [CRIME_CODES[code].code for code in reports.code] == ["290", "13B"]
    assert tally.merged == 1


@pytest.mark.parametrize(("code", "reason"), [("", "NIBR Code is blank"), ("999", "no category is known for code 999")])
def test_an_unknown_offense_is_reported_and_not_guessed(code: str, reason: str, tmp_path: Path) -> None:
    broken = HOME | {"uniquenibrno": "1_x_0", "nibr_code": code, "nibr_description": "510  - VEHICLE - STOLEN"}
    reports, tally = read(tmp_path / "table.csv", API, HOME, broken)
    assert len(reports) == 1
    assert [reason in text for text in tally.rejected] == [True]


def test_one_table_may_hold_both_systems(tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    path.write_text(
        "DR_NO,UniqueNIBRNo,Date Rptd,DATE OCC,TIME OCC,AREA,Crm Cd,NIBR Code,Mocodes,Premis Cd\n"
        "230100001,,01/15/2023,01/15/2023,1430,01,510,,0344,101\n"
        ",25245851_510_0,2025-12-31,2025-12-31,57,9,,510,,32\n"
        "230100002,,01/16/2023,01/16/2023,0001,02,624,,,\n"
    )
    tally = Tally()
    reports = load_reports(path, tally)
    assert reports.fields["system"].tolist() == [0, 1, 0]
    assert [(CRIME_CODES[code].system, CRIME_CODES[code].code) for code in reports.code] == [
        ("legacy", "510"),
        ("nibrs", "510"),
        ("legacy", "624"),
    ]
    assert [list(CATEGORIES)[label] for label in reports.label] == [
        "theft_burglary",
        "weapons_legal",
        "violence_assault",
    ]
    assert [code.key for code in reports.fields["premis_cd"]] == ["legacy:101", "nibrs:32", ""]
    assert reports.fields["mocodes"].tolist() == [("0344",), None, ()]
    assert reports.fields["dr_no"].tolist() == ["230100001", "25245851_510_0", "230100002"]
    assert (tally.rows, tally.rejected_rows) == (3, 0)


def test_names_are_compared_without_case_punctuation_and_numbers() -> None:
    assert comparable_text("244 - TOBACCO SHOP") == comparable_text("Tobacco Shop")
    assert comparable_text("Park / Playground") == comparable_text("PARK/PLAYGROUND")
    assert comparable_text("7th and Metro Center") != comparable_text("and Metro Center")
