"""LAPD's reports by NIBRS, since 7 March 2024: the table that LAPD keeps up.

A row is an offense; a case with several has a row for each, under one `CaseNo`. `UniqueNIBRNo` is the row's key.
There are no MO codes and no victims; the circumstances are columns of Yes and No. `UniqueNIBRNo` holds the offense
code, so it is never an input.
"""

from crime.reports.dates import parse_date
from crime.reports.parsers import (
    parse_area,
    parse_district,
    parse_latitude,
    parse_longitude,
    parse_name,
    parse_nibrs_code,
    parse_number,
    parse_time,
    parse_yes_no,
)
from crime.reports.schema import Column, Dataset, Retired, Source

_ANSWER = "follows from the offense code: never read"
_INVESTIGATION = "follows from the investigation: never read"
_PERSON = "about a victim, suspect or arrestee: never read"

NIBRS = Source(
    system="nibrs",
    datasets=(Dataset("k7nn-b2ep", "LAPD NIBRS Offenses Dataset"),),
    retired={"y8y3-fqfu": Retired(on="2026-08-18", successor="k7nn-b2ep")},  # it had 2024 and 2025 alone
    columns=(
        Column("CaseNo", "case number; a case has a row for each of its offenses", parse_number),
        Column("UniqueNIBRNo", "the offense's number: case, offense code, sequence", parse_number, field="dr_no"),
        Column("Date Rptd", "date the report was taken", parse_date),
        Column("Date OCC", "date it happened", parse_date, required=True),
        Column("Time OCC", "24-hour time it happened", parse_time, required=True),
        Column("AREA", "area, 1 to 21", parse_area, required=True, codes="area"),
        Column("AREA NAME", "the area's name"),
        Column("RPT Dist No", "reporting district", parse_district),
        Column("TotalOffenseCount", "offenses of the case: never read"),
        Column("Group", _ANSWER),
        Column(
            "NIBR Code",
            "NIBRS offense code: the answer, read only to train and evaluate",
            parse_nibrs_code,
            codes="nibrs_crime",
            field="crime_code",
        ),
        Column("NIBR Description", _ANSWER),
        Column("Crime Against", _ANSWER),
        Column("Premise Cd", "kind of place", parse_nibrs_code, field="premis_cd", aliases=("premis_cd",)),
        Column("Premise Desc", "the kind of place's name", parse_name, field="premis_desc", aliases=("premis_desc",)),
        Column("Weapon Used Cd", "weapon", parse_nibrs_code),
        Column("Weapon Desc", "the weapon's name", parse_name),
        Column("Status", _INVESTIGATION),
        Column("Status Desc", _INVESTIGATION),
        Column("TotalVictimCount", _PERSON),
        Column("Victim Shot", "NIBRS: whether a victim was shot", parse_yes_no),
        Column("Domestic Violence Crime", "NIBRS: whether it was domestic violence", parse_yes_no),
        Column("Hate Crime", _ANSWER),
        Column("Gang-related Crime", "NIBRS: whether it is related to a gang", parse_yes_no),
        Column("Transit-related Crime", "NIBRS: whether it is related to public transport", parse_yes_no),
        Column("Homeless-Victim Crime", _PERSON),
        Column("Homeless-Suspect Crime", _PERSON),
        Column("Homeless-Arrestee Crime", _PERSON),
        Column("LOCATION", "street, to the hundred block", aliases=("hndrdth_loc_chk",)),
        Column("LAT", "degrees north", parse_latitude, aliases=("hndrdth_lat",)),
        Column("LON", "degrees east", parse_longitude, aliases=("hndrdth_lon",)),
    ),
)
