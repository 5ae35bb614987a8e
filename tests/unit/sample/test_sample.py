"""The embedded sample beside the counts of all of LAPD's reports of its years, which lie in this folder."""

import csv
from pathlib import Path

import numpy as np
import pytest
from crime.core.days import day_text
from crime.reports.files import load_reports
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.sample import SAMPLE_SHARE, sample_table
from scipy import stats

HERE = Path(__file__).parent
WEST_LA = 8  # whose reports before August 2021 the draw nearly lacks: docs/model-card.md


@pytest.fixture(scope="module")
def reports() -> Reports:
    with sample_table() as path:
        return load_reports(path, Tally())


def counts_of_all(name: str) -> tuple[list[str], np.ndarray]:
    """The rows' names and counts (rows, columns) of a table of all reports."""
    with (HERE / name).open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [row[0] for row in rows], np.array([row[1:] for row in rows], int)


def chi_square(seen: np.ndarray, of_all: np.ndarray) -> float:
    """p-value of the counts that a draw would have, if each report is drawn with the share."""
    expected = of_all * SAMPLE_SHARE
    return float(stats.chi2.sf(((seen - expected) ** 2 / expected).sum(), seen.size))


def test_months_are_those_of_a_draw_of_all_reports(reports: Reports) -> None:
    months, of_all = counts_of_all("reports-by-month.csv")
    assert of_all.sum() == round(len(reports) / SAMPLE_SHARE)
    drawn = [day_text(int(day))[:7] for day in reports.fields["date_occ"]]
    seen = np.array([drawn.count(month) for month in months])
    assert chi_square(seen, of_all[:, 0]) > 0.01


def test_areas_are_those_of_a_draw_of_all_reports_but_for_one(reports: Reports) -> None:
    years, of_all = counts_of_all("reports-by-year-and-area.csv")
    year = np.array([day_text(int(day))[:4] for day in reports.fields["date_occ"]])
    seen = np.array([[((year == y) & (reports.fields["area"] == area)).sum() for area in range(1, 22)] for y in years])
    others = np.arange(1, 22) != WEST_LA
    assert chi_square(seen[:, others], of_all[:, others]) > 0.01
    assert chi_square(seen[2:, WEST_LA - 1], of_all[2:, WEST_LA - 1]) > 0.01
    assert seen[:2, WEST_LA - 1].tolist() == [15, 28]  # of 73 and 78 to be expected
