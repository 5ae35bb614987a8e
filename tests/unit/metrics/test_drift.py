"""Drift is reported where counts differ more than chance explains, and by much."""

import numpy as np
import pytest
from crime.metrics.drift import (
    MIN_REPORTS,
    FeatureDrift,
    ReferenceCounts,
    chi_square_survival,
    compare_to_reference,
    count_watched_values,
    drift_reference,
    watched_values,
)
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.table import Reports
from scipy import stats


def reports_like(reports: Reports, rows: int, seed: int) -> Reports:
    return reports.take(np.random.default_rng(seed).integers(0, len(reports), rows))


def compare(reference: ReferenceCounts, reports: Reports, label: np.ndarray) -> list[FeatureDrift]:
    return compare_to_reference(reference, reports.fields, np.full(len(reports), "report", object), label)


@pytest.fixture(scope="module")
def reference(small_reports: Reports) -> ReferenceCounts:
    """Of `small_reports`, with as many predictions of each category as there are labels."""
    confusion = [np.bincount(small_reports.label, minlength=7).tolist(), *[[0] * 7] * 6]
    return drift_reference(count_watched_values(small_reports.fields), dict.fromkeys(DETAIL_LEVELS, confusion))


def test_reports_of_the_same_kind_have_not_drifted(small_reports: Reports, reference: ReferenceCounts) -> None:
    for seed in range(5):
        live = reports_like(small_reports, 1_000, seed)
        assert not [drift.feature for drift in compare(reference, live, live.label) if drift.drifted]


def test_a_change_of_one_feature_is_reported_first(small_reports: Reports, reference: ReferenceCounts) -> None:
    live = reports_like(small_reports, 1_000, 1)
    live.fields["area"] = np.where(np.arange(1_000) % 2, live.fields["area"], 1.0)
    drifts = compare(reference, live, live.label)
    assert [drift.feature for drift in drifts if drift.drifted] == ["area"]
    assert drifts[0].feature == "area"
    assert drifts[0].reports == 1_000
    assert (drifts[0].psi > 0.1, 0 < drifts[0].js < 1, drifts[0].p < 1e-10) == (True, True, True)


def test_other_predictions_are_drift_of_the_level_they_were_made_at(
    small_reports: Reports, reference: ReferenceCounts
) -> None:
    live = reports_like(small_reports, 1_000, 2)
    drifted = [drift.feature for drift in compare(reference, live, np.full(1_000, 3)) if drift.drifted]
    assert drifted == ["predicted category, known to MO codes, circumstances"]


def test_a_difference_that_is_significant_but_small_is_no_drift(small_reports: Reports) -> None:
    hours = np.tile(np.arange(24.0), 10_000) * 60
    reports = reports_like(small_reports, len(hours), 3)
    reports.fields["time_occ"] = hours
    reference = drift_reference(count_watched_values(reports.fields), dict.fromkeys(DETAIL_LEVELS, [[1] * 7] * 7))
    reports.fields["time_occ"] = np.where(np.arange(len(hours)) % 20, hours, 0)
    hour = next(drift for drift in compare(reference, reports, reports.label) if drift.feature == "hour")
    assert hour.p < 1e-10
    assert not hour.drifted


def test_few_reports_are_not_compared(small_reports: Reports, reference: ReferenceCounts) -> None:
    live = reports_like(small_reports, MIN_REPORTS - 1, 4)
    assert compare(reference, live, live.label) == []


def test_rare_values_are_counted_together(small_reports: Reports) -> None:
    counts = count_watched_values(small_reports.fields)
    for name, column in watched_values(small_reports.fields).items():
        known = sum(value is not None and value == value for value in column)
        assert sum(counts[name].values()) == known
        assert min(count for value, count in counts[name].items() if value != "-1") >= 0.01 * known
    assert "-1" in counts["premise"]


def test_delays_and_mo_codes_are_watched_in_classes() -> None:
    codes = np.empty(6, object)
    codes[:] = [None, (), ("0344",), ("0344",) * 9, (), ()]
    fields = {
        "area": np.ones(6),
        "time_occ": np.full(6, 119.0),
        "date_occ": np.zeros(6),
        "date_rptd": np.array([0, 1, 7, 30, 400, np.nan]),
        "system": np.zeros(6),
        "premis_cd": np.full(6, None),
        "weapon_used_cd": np.full(6, None),
        "mocodes": codes,
    }
    values = watched_values(fields)
    np.testing.assert_array_equal(values["reporting delay"], [0, 1, 2, 3, 5, np.nan])
    np.testing.assert_array_equal(values["number of MO codes"], [np.nan, 0, 1, 8, 0, 0])
    assert values["hour"].tolist() == [1] * 6


@pytest.mark.parametrize("degrees", [1, 5, 20, 200])
def test_the_survival_function_is_close_to_scipys(degrees: int) -> None:
    for p, tolerance in ((0.5, 0.02), (0.1, 0.05), (0.01, 0.05), (1e-3, 0.2), (1e-4, 0.7)):
        assert chi_square_survival(stats.chi2.isf(p, degrees), degrees) == pytest.approx(p, rel=tolerance)


def test_the_survival_function_gives_the_values_of_tables() -> None:
    for x, degrees, p in ((3.841, 1, 0.05), (18.307, 10, 0.05), (29.588, 10, 0.001), (55.0, 20, 4.26e-5)):
        assert chi_square_survival(x, degrees) == pytest.approx(p, rel=0.2)
