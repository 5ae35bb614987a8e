"""A bundle's facts of its reports are counted right."""

import numpy as np
from crime.core.days import day_number
from crime.reports.systems import Code
from crime.reports.table import Reports
from crime.training.classifier.facts import count_cells, fingerprint


def test_cells_count_each_report_once(small_reports: Reports) -> None:
    cells = count_cells(small_reports)
    assert cells[:, 5].sum() == len(small_reports)
    assert len(np.unique(cells[:, :5], axis=0)) == len(cells)
    np.testing.assert_array_equal(
        np.bincount(cells[:, 2], cells[:, 5], 7), np.bincount(small_reports.label, minlength=7)
    )


def test_a_cell_is_month_area_category_weekday_and_hour(small_reports: Reports) -> None:
    two = small_reports.take(np.array([0, 0]))
    two.fields |= {
        "date_occ": np.full(2, float(day_number("2024-02-29"))),  # a Thursday
        "time_occ": np.array([14 * 60.0, 14 * 60 + 59]),
        "area": np.array([7.0, 7.0]),
    }
    two.label = np.array([3, 3])
    assert count_cells(two).tolist() == [[54 * 12 + 1, 7, 3, 3, 14, 2]]


def test_a_fingerprint_changes_with_any_cell(small_reports: Reports) -> None:
    first = fingerprint(small_reports)
    assert fingerprint(small_reports.take(slice(None))) == first
    changed = small_reports.take(slice(None))
    changed.fields["weapon_used_cd"] = changed.fields["weapon_used_cd"].copy()
    changed.fields["weapon_used_cd"][5] = Code("legacy", "101", "")
    assert fingerprint(changed) != first
    assert fingerprint(small_reports.take(slice(1, None))) != first
