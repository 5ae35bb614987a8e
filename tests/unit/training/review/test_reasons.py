"""Reasons name the fields that speak for the likelier code, the strongest first."""

from pathlib import Path

import numpy as np
import pytest
from crime.pipelines.review import read_records
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.training.review.review import review_records

HEADER = "DR_NO,Date Rptd,DATE OCC,TIME OCC,AREA,Crm Cd,Mocodes,Premis Cd,Weapon Used Cd\n"
BATTERY, THEFT = "624,0416,102,400", "440,0344,404,"


@pytest.fixture
def told(tmp_path: Path) -> Reports:
    """600 batteries and thefts that their fields tell apart; the first is a battery that was recorded as a theft."""
    rows = [BATTERY.replace("624", "440")] + [(BATTERY, THEFT)[row % 2] for row in range(1, 600)]
    lines = [f"{row},01/15/2020,01/15/2020,1430,{1 + row % 7},{text}\n" for row, text in enumerate(rows, 200_100_000)]
    (tmp_path / "told.csv").write_text(HEADER + "".join(lines))
    return read_records(tmp_path / "told.csv", Tally())[0]


def test_fields_with_their_codes_and_names(told: Reports) -> None:
    review = review_records(told)
    assert review.rank[0] == 1
    assert set(review.reasons[0].split("; ")) == {
        "Weapon Used Cd 400 STRONG-ARM (HANDS, FIST, FEET OR BODILY FORCE)",
        "Mocodes 0416 Hit/hit with weapon",
        "Premis Cd 102 SIDEWALK",
    }


def test_a_field_that_is_blank_speaks_too(told: Reports) -> None:
    told.code[1] = told.code[2]  # a theft that was recorded as a battery
    review = review_records(told)
    assert "Premis Cd 404 DEPARTMENT STORE" in review.reasons[1]
    assert "Weapon Used Cd none recorded" in review.reasons[1]


def test_the_area_has_nothing_to_say_where_it_tells_nothing(told: Reports) -> None:
    assert not np.any(["AREA" in (text or "") for text in review_records(told).reasons[:1]])
