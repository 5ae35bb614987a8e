"""LAPD's reports by its own crime codes: 2010 to 2019, and 2020 to 2024 (frozen since March 2025).

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
    parse_text,
    parse_time,
)
from crime.reports.schema import Column, Dataset, Source

LEGACY = Source(
    system="legacy",
    datasets=(
        Dataset("63jg-8b9z", "Crime Data from 2010 to 2019", last_day="2019-12-31", optional=True),
        Dataset("2nrs-mtv8", "Crime Data from 2020 to 2024", last_day="2025-03-28"),
    ),
    columns=(
        Column("DR_NO", "report number", parse_text),
        Column("Date Rptd", "date the report was taken", parse_date),
        Column("DATE OCC", "date it happened", parse_date, required=True),
        Column("TIME OCC", "24-hour time it happened", parse_time, required=True),
        Column("AREA", "area, 1 to 21", parse_area, required=True, codes="area"),
        Column("AREA NAME", "the area's name"),
        Column("Rpt Dist No", "reporting district", parse_district, aliases=("rd",)),
        Column("Part 1-2", "follows from the crime code: never read"),
        Column(
            "Crm Cd",
            "crime code: the answer, read only to train and evaluate",
            parse_legacy_code,
            codes="crime",
            field="crime_code",
        ),
        Column("Crm Cd Desc", "follows from the crime code: never read"),
        Column("Mocodes", "how it was done", parse_mocodes, codes="mo"),
        Column("Vict Age", "victim's age, used only by a model trained for it", parse_age),
        Column("Vict Sex", "victim's sex, used only by a model trained for it", parse_letter),
        Column("Vict Descent", "victim's descent, used only by a model trained for it", parse_letter),
        Column("Premis Cd", "kind of place", parse_legacy_code, codes="premis", aliases=("premise_cd",)),
        Column("Premis Desc", "the kind of place's name", parse_name, aliases=("premise_desc",)),
        Column("Weapon Used Cd", "weapon", parse_legacy_code, codes="weapon"),
        Column("Weapon Desc", "the weapon's name", parse_name),
        Column("Status", "follows from the investigation: never read"),
        Column("Status Desc", "follows from the investigation: never read"),
        Column("Crm Cd 1", "follows from the crime code: never read"),
        Column("Crm Cd 2", "follows from the crime code: never read"),
        Column("Crm Cd 3", "follows from the crime code: never read"),
        Column("Crm Cd 4", "follows from the crime code: never read"),
        Column("LOCATION", "street, to the hundred block"),
        Column("Cross Street", "nearest cross street"),
        Column("LAT", "degrees north", parse_latitude),
        Column("LON", "degrees east", parse_longitude),
    ),
    complete_until="2024-03-06",
)
