"""LAPD's reports by its own crime codes: 2010 to 2019, and 2020 to 2024 (frozen since March 2025).

The portal's exports of 2014 and of 2015 to 2018 had other names for the columns.

A row is a report. From 7 March 2024 the areas moved to NIBRS one after another, so the last year is a remainder.
"""

from crime.reports.dates import parse_date
from crime.reports.parsers import (
    parse_age,
    parse_area,
    parse_district,
    parse_latitude,
    parse_legacy_code,
    parse_letter,
    parse_longitude,
    parse_mocodes,
    parse_name,
    parse_number,
    parse_time,
)
from crime.reports.schema import Column, Dataset, Source

_ANSWER = "follows from the crime code: never read"
_VICTIM = "used only by a model trained for it"
_INVESTIGATION = "follows from the investigation: never read"

LEGACY = Source(
    system="legacy",
    datasets=(
        Dataset("63jg-8b9z", "Crime Data from 2010 to 2019", last_day="2019-12-31", optional=True),
        Dataset("2nrs-mtv8", "Crime Data from 2020 to 2024", last_day="2025-03-28"),
    ),
    columns=(
        Column("DR_NO", "report number", parse_number, aliases=("dr_number",)),
        Column("Date Rptd", "date the report was taken", parse_date, aliases=("date_reported",)),
        Column("DATE OCC", "date it happened", parse_date, required=True, aliases=("date_occurred",)),
        Column("TIME OCC", "24-hour time it happened", parse_time, required=True, aliases=("time_occurred",)),
        Column("AREA", "area, 1 to 21", parse_area, required=True, codes="area", aliases=("area_id",)),
        Column("AREA NAME", "the area's name"),
        Column("Rpt Dist No", "reporting district", parse_district, aliases=("rd", "reporting_district")),
        Column("Part 1-2", _ANSWER),
        Column(
            "Crm Cd",
            "crime code: the answer, read only to train and evaluate",
            parse_legacy_code,
            codes="crime",
            field="crime_code",
            aliases=("crime_code",),
        ),
        Column("Crm Cd Desc", _ANSWER, aliases=("crime_code_description",)),
        Column("Mocodes", "how it was done", parse_mocodes, codes="mo", aliases=("mo_codes",)),
        Column("Vict Age", f"victim's age, {_VICTIM}", parse_age, aliases=("victim_age",)),
        Column("Vict Sex", f"victim's sex, {_VICTIM}", parse_letter, aliases=("victim_sex",)),
        Column(
            "Vict Descent",
            f"victim's descent, {_VICTIM}",
            parse_letter,
            aliases=("victim_descent",),
        ),
        Column("Premis Cd", "kind of place", parse_legacy_code, codes="premis", aliases=("premise_cd", "premise_code")),
        Column("Premis Desc", "the kind of place's name", parse_name, aliases=("premise_desc", "premise_description")),
        Column("Weapon Used Cd", "weapon", parse_legacy_code, codes="weapon", aliases=("weapon_used_code",)),
        Column("Weapon Desc", "the weapon's name", parse_name, aliases=("weapon_description",)),
        Column("Status", _INVESTIGATION, aliases=("status_code",)),
        Column("Status Desc", _INVESTIGATION, aliases=("status_description",)),
        Column("Crm Cd 1", _ANSWER, aliases=("crime_code_1",)),
        Column("Crm Cd 2", _ANSWER, aliases=("crime_code_2",)),
        Column("Crm Cd 3", _ANSWER, aliases=("crime_code_3",)),
        Column("Crm Cd 4", _ANSWER, aliases=("crime_code_4",)),
        Column("LOCATION", "street, to the hundred block", aliases=("address", "location_1")),
        Column("Cross Street", "nearest cross street"),
        Column("LAT", "degrees north", parse_latitude),
        Column("LON", "degrees east", parse_longitude),
    ),
    complete_until="2024-03-06",
)
