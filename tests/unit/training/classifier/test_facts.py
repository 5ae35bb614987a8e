"""A bundle's facts of its reports are counted right."""

from pathlib import Path

import numpy as np
from crime.classifier.counted_reports import CountedReports
from crime.core.days import day_number
from crime.reports.categories import CATEGORIES
from crime.reports.systems import Code
from crime.reports.table import Reports
from crime.training.classifier.facts import counted_reports, fingerprint


def test_each_report_is_counted_once(small_reports: Reports, tmp_path: Path) -> None:
    counted_reports(small_reports).save(tmp_path)
    counted = CountedReports.load((tmp_path / "counts.npz").read_bytes())
    assert counted.by_day
    assert sum(counted.totals(counted.area, 22)) == len(small_reports)
    assert counted.totals(counted.category, 7) == np.bincount(small_reports.label, minlength=7).tolist()


def test_what_is_counted_of_a_report(small_reports: Reports) -> None:
    two = small_reports.take(np.array([0, 0]))
    thursday = day_number("2024-02-29")
    two.fields |= {
        "date_occ": np.full(2, float(thursday)),
        "time_occ": np.array([14 * 60.0, 14 * 60 + 59]),
        "area": np.array([7.0, 7.0]),
        "rpt_dist_no": np.array([np.nan, 701.0]),
    }
    counted = counted_reports(two)
    assert counted.day.tolist() == [thursday] * 2
    assert (counted.weekday.tolist(), counted.hour.tolist(), counted.area.tolist()) == ([3, 3], [14, 14], [7, 7])
    assert counted.district is not None
    assert counted.district.tolist() == [0, 701]


def test_districts_of_sexual_crimes_are_not_stored(small_reports: Reports) -> None:
    rows = np.flatnonzero(small_reports.label == list(CATEGORIES).index("sexual"))
    counted = counted_reports(small_reports.take(rows))
    assert counted.district is not None
    assert len(rows) > 0
    assert not counted.district.any()


def test_a_fingerprint_changes_with_any_cell(small_reports: Reports) -> None:
    first = fingerprint(small_reports)
    assert fingerprint(small_reports.take(slice(None))) == first
    changed = small_reports.take(slice(None))
    changed.fields["weapon_used_cd"] = changed.fields["weapon_used_cd"].copy()
    changed.fields["weapon_used_cd"][5] = Code("legacy", "101", "")
    assert fingerprint(changed) != first
    assert fingerprint(small_reports.take(slice(1, None))) != first
