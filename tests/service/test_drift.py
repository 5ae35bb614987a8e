"""Drift is noticed and its absence raises no alarm; later crime codes show how good the answers were."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.days import day_number
from crime.features.detail_levels import mask_above
from crime.metrics.drift import ReferenceCounts, compare_to_reference, count_watched_values, drift_reference
from crime.monitoring.estimated_performance import Estimate, estimated_weeks
from crime.monitoring.performance import WEEK_SECONDS, weekly_performance
from crime.monitoring.records import RECORD_COLUMNS, RecordedPredictions, decode_records
from crime.reports.files import load_reports
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.simulation.city import SimulatedCity
from crime.simulation.settings import CitySettings
from crime.simulation.tables import write_city
from crime.training.classifier.train import train_category_model
from harness import Backend, Store, wait_until, write_table

FIRST_DRIFTED_DAY = "2020-03-01"
WINDOW = 1_000  # reports within which a drift must be noticed


def simulated_reports(folder: Path, seed: int, drift: str | None) -> Reports:
    path = folder / "city.parquet"
    write_city(SimulatedCity(CitySettings(seed=seed, rows=45_000, drift=drift)), path)
    return load_reports(path, Tally())


def drifted_features(reference: ReferenceCounts, reports: Reports, model: CategoryBundle | None = None) -> set[str]:
    """The features that drifted in predictions of `reports`; without a model all predictions are one category."""
    n = len(reports)
    probabilities = model.predict(reports.fields, n).probabilities if model else np.eye(7)[np.zeros(n, int)]
    level = np.full(n, "report" if model else "none", object)
    drifts = compare_to_reference(reference, reports.fields, level, probabilities.argmax(1))
    return {drift.feature for drift in drifts if drift.drifted}


def windows(reports: Reports, late: bool) -> list[Reports]:
    """The reports before the first drifted day, or from it on, in windows of `WINDOW`."""
    rows = np.flatnonzero((reports.fields["date_occ"] >= day_number(FIRST_DRIFTED_DAY)) == late)
    return [reports.take(rows[start : start + WINDOW]) for start in range(0, len(rows) - WINDOW + 1, WINDOW)]


@pytest.mark.parametrize("seed", range(20))
def test_twenty_cities_without_drift_raise_no_alarm(seed: int, tmp_path: Path) -> None:
    reports = simulated_reports(tmp_path, seed, None)
    early = reports.take(np.flatnonzero(reports.fields["date_occ"] < day_number(FIRST_DRIFTED_DAY)))
    reference = drift_reference(count_watched_values(early.fields), dict.fromkeys(DETAIL_LEVELS, [[1] * 7] * 7))
    later = windows(reports, late=True)[:8]
    assert len(later) == 8
    assert [drifted_features(reference, window) for window in later] == [set()] * 8


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_city_that_drifts_is_noticed_within_a_thousand_reports(seed: int, tmp_path: Path) -> None:
    reports = simulated_reports(tmp_path, seed, FIRST_DRIFTED_DAY)
    early = reports.take(np.flatnonzero(reports.fields["date_occ"] < day_number(FIRST_DRIFTED_DAY)))
    model, _ = train_category_model(early, Tally(), tmp_path / "bundle")
    reference = model.spec.reference
    assert "premise" in drifted_features(reference, windows(reports, late=True)[0], model)
    before = [drifted_features(reference, window, model) for window in windows(reports, late=False)[-4:]]
    assert before == [set()] * 4


@dataclass(frozen=True)
class DriftingCity:
    """A model of a city's first two months, and the reports of later ones, whose habits changed or did not."""

    model: CategoryBundle
    later: Reports


def city(folder: Path, seed: int, drift: str | None) -> DriftingCity:
    reports = simulated_reports(folder, seed, drift)
    early = reports.fields["date_occ"] < day_number(FIRST_DRIFTED_DAY)
    model, _ = train_category_model(reports.take(np.flatnonzero(early)), Tally(), folder / "bundle")
    return DriftingCity(model, reports.take(np.flatnonzero(~early)))


def estimated_and_real(model: CategoryBundle, weeks: list[Reports]) -> tuple[list[Estimate], list[float]]:
    """Accuracy of the model's answers to the reports of each week, estimated without their labels, and with them."""
    answered = []
    for week, reports in enumerate(weeks):
        probabilities = model.predict(reports.fields, len(reports)).probabilities
        answered.append(
            RecordedPredictions(
                time=np.full(len(reports), (week + 0.5) * WEEK_SECONDS),
                version=np.full(len(reports), "1", object),
                shadow=np.zeros(len(reports), bool),
                level=np.full(len(reports), "report", object),
                label=probabilities.argmax(1),
                probabilities=probabilities,
                report_number=reports.fields["dr_no"],
                fields={},
            )
        )
    estimates = [estimated_weeks(recorded)[0].accuracy for recorded in answered]
    real = [
        weekly_performance(recorded, reports.fields["dr_no"], reports.label)[0].accuracy
        for recorded, reports in zip(answered, weeks, strict=True)
    ]
    return estimates, real


def less_known_each_week(reports: Reports, weeks: int, rng: np.random.Generator) -> list[Reports]:
    """A thousand reports a week, more and more from the night and without MO codes, weapon and premise.

    What is asked of the model changes, what a report means does not: covariate drift.
    """
    hour = reports.fields["time_occ"] // 60
    at_night = (hour >= 20) | (hour < 4)
    drifting = []
    for week in range(weeks):
        share = week / (weeks - 1)
        odds = np.where(at_night, 1 + 4 * share, 1.0)
        rows = rng.choice(len(reports), WINDOW, replace=False, p=odds / odds.sum())
        chosen = reports.take(rows)
        hidden = mask_above(chosen.fields, "place_time")
        is_hidden = rng.random(WINDOW) < share
        for name in ("premis_cd", "weapon_used_cd", "mocodes"):
            chosen.fields[name] = np.where(is_hidden, hidden[name], chosen.fields[name])
        drifting.append(chosen)
    return drifting


@pytest.mark.parametrize("seed", [1, 2])
def test_under_covariate_drift_the_estimated_accuracy_follows_the_real_one(seed: int, tmp_path: Path) -> None:
    drifting = city(tmp_path, seed, None)
    weeks = less_known_each_week(drifting.later, 10, np.random.default_rng(seed))
    estimates, real = estimated_and_real(drifting.model, weeks)
    assert real[0] > 0.9
    assert real[-1] < 0.65  # a fall by a third, which no label was needed to see
    assert sum(week.low <= accuracy <= week.high for week, accuracy in zip(estimates, real, strict=True)) >= 8
    gaps = [week.expected - accuracy for week, accuracy in zip(estimates, real, strict=True)]
    assert np.abs(gaps).max() < 0.05
    assert abs(np.mean(gaps)) < 0.02


@pytest.mark.parametrize("seed", [1, 2])
def test_under_concept_drift_the_estimate_stays_and_labels_show_the_fall(seed: int, tmp_path: Path) -> None:
    """The city's crimes move to other premises, so that a premise comes to mean another category."""
    drifting = city(tmp_path, seed, FIRST_DRIFTED_DAY)
    weeks = [drifting.later.take(slice(first, first + WINDOW)) for first in range(0, 5 * WINDOW, WINDOW)]
    for reports in weeks:
        reports.fields.update(mask_above(reports.fields, "premise"))
    estimates, real = estimated_and_real(drifting.model, weeks)
    for week, accuracy in zip(estimates, real, strict=True):
        assert 0.55 < week.expected < 0.75  # as before the drift
        assert accuracy < week.low - 0.05


def test_predictions_are_recorded_and_judged_when_crime_codes_come(
    start: Callable[..., Backend], store: Store, rows: list[dict[str, str]], tmp_path: Path
) -> None:
    own = store.copy(tmp_path / "mlruns")
    backend = start(record_seconds=0.5, mlruns=own.mlruns)
    sent = rows[:600]
    assert backend.http.post("/predict/batch", json=sent[:300]).status_code == 200
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(sent[0]))
    writer.writeheader()
    writer.writerows(sent[300:500])
    is_csv = {"Content-Type": "text/csv"}
    assert backend.http.post("/predict/batch", content=table.getvalue(), headers=is_csv).status_code == 200
    for row in sent[500:]:
        assert backend.http.post("/predict", json=row).status_code == 200
    wait_until(lambda: "crime_predictions_recorded_total 600.0" in backend.metrics())
    drift = backend.http.get("/drift").json()
    assert drift["reports"] == 600
    assert {feature["feature"] for feature in drift["features"]} >= {"area", "hour", "premise", "weapon"}
    assert sum(period["reports"] for period in drift["history"]) == 600
    records = decode_records(path.read_bytes() for path in (own.mlruns / "monitoring").rglob("*.csv.gz"))
    assert sorted(records.report_number) == sorted(row["DR_NO"] for row in sent)
    assert not [name for name in RECORD_COLUMNS if "vict" in name.lower()]

    write_table(tmp_path / "later.csv", sent[:300])
    assert "300 labels, accuracy 0.9" in own.crime("drift", "--data", tmp_path / "later.csv").stdout
    (week,) = backend.http.get("/drift").json()["performance"]
    assert (week["version"], week["reports"]) == (store.summary["version"], 300)


def test_while_predictions_can_not_be_stored_they_wait_and_are_answered(
    start: Callable[..., Backend], store: Store, rows: list[dict[str, str]]
) -> None:
    backend = start(record_seconds=0.3, tracking_uri="http://127.0.0.1:9", model_dir=store.bundle())
    assert backend.http.post("/predict", json=rows[0]).status_code == 200
    wait_until(lambda: "crime_predictions_waiting 1.0" in backend.metrics())
    assert backend.http.post("/predict", json=rows[1]).status_code == 200
    assert backend.http.get("/drift").status_code == 503
