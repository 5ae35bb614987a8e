"""The drift report compares the latest predictions with the reference in the bundle."""

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle, Prediction
from crime.monitoring.drift_report import RECENT_PREDICTIONS, drift_report
from crime.monitoring.performance import WeeklyPerformance
from crime.monitoring.records import PredictionRecord, RecordedPredictions, decode_records, encode_records
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.table import Reports

START = 1_767_225_600.0  # 2026-01-01


@pytest.fixture(scope="module")
def recorded(small_bundle: CategoryBundle, small_reports: Reports) -> RecordedPredictions:
    """The model's answers to the reports it was trained on, one a minute, mixed in time."""
    order = np.random.default_rng(1).permutation(len(small_reports))
    reports = small_reports.take(order)
    probabilities, used = small_bundle.predict(reports.fields, len(reports))
    levels = list(DETAIL_LEVELS)
    return decode_records(
        [
            encode_records(
                PredictionRecord(
                    START + 60 * row,
                    "1",
                    Prediction(probabilities[row], levels[used[row]]),
                    str(row),
                    {name: column[row] for name, column in reports.fields.items()},
                )
                for row in range(len(reports))
            )
        ]
    )


def test_the_training_data_do_not_drift(small_bundle: CategoryBundle, recorded: RecordedPredictions) -> None:
    report = drift_report(small_bundle, recorded, [])
    assert (report.model_name, report.model_version) == (small_bundle.name, small_bundle.version)
    assert report.reports == RECENT_PREDICTIONS
    assert report.since == "2026-01-01T09:38:00+00:00"  # of the first of the last thousand
    assert not report.drifted
    assert {drift.feature for drift in report.features} >= {"area", "hour", "premise", "weapon"}


def test_a_change_is_noticed_in_the_report_and_in_the_last_periods(
    small_bundle: CategoryBundle, recorded: RecordedPredictions
) -> None:
    late = np.arange(len(recorded)) >= len(recorded) - 800
    area = np.where(late, 1.0, recorded.fields["area"])
    changed = recorded.take(slice(None))
    changed.fields["area"] = area
    report = drift_report(small_bundle, changed, [])
    assert report.drifted
    assert report.features[0].feature == "area"
    assert report.features[0].drifted
    areas = [period.psi["area"] for period in report.history]
    assert max(areas[:3]) < 0.1 < 1 < min(areas[-3:])


def test_the_history_covers_all_predictions_in_order(
    small_bundle: CategoryBundle, recorded: RecordedPredictions
) -> None:
    report = drift_report(small_bundle, recorded, [])
    assert len(report.history) <= 12
    assert [period.until for period in report.history] == sorted(period.until for period in report.history)
    assert {period.reports for period in report.history[:-1]} == {200}


@pytest.mark.parametrize("count", [0, 1, 199])
def test_too_few_predictions_say_nothing(
    count: int, small_bundle: CategoryBundle, recorded: RecordedPredictions
) -> None:
    report = drift_report(small_bundle, recorded.take(slice(count)), [])
    assert (report.reports, report.drifted, report.features, report.history) == (count, False, [], [])
    assert (report.since is None) == (count == 0)


def test_performance_is_passed_on(small_bundle: CategoryBundle, recorded: RecordedPredictions) -> None:
    weeks = [WeeklyPerformance("2026-01-01", "1", False, 9, 0.9, 0.3, 0.1)]
    assert drift_report(small_bundle, recorded, weeks).performance == weeks
