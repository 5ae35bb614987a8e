"""What drifts is noticed, what does not is left in peace, and later labels tell how good answers were."""

import csv
import io
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.days import day_number
from crime.metrics.drift import (
    ReferenceCounts,
    compare_to_reference,
    count_watched_values,
    drift_reference,
)
from crime.monitoring.records import RECORD_COLUMNS, decode_records
from crime.reports.files import load_reports
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.simulation.city import SimulatedCity
from crime.simulation.settings import CitySettings
from crime.simulation.tables import write_city
from crime.training.classifier.train import train_category_model
from harness import Backend, Store

DRIFTS = "2020-03-01"
WINDOW = 1_000  # reports within which a drift must be seen


def city(place: Path, seed: int, drifts: str | None) -> Reports:
    path = place / f"{seed}-{drifts}.parquet"
    write_city(SimulatedCity(CitySettings(seed=seed, rows=45_000, drift=drifts)), path)
    return load_reports(path, Tally())


def drifts(known: ReferenceCounts, reports: Reports, model: CategoryBundle | None = None) -> set[str]:
    """What drifted, if these reports had been asked for; without a model all answers are of one category."""
    n = len(reports)
    shares = model.predict(reports.fields, n)[0] if model else np.eye(7)[np.zeros(n, int)]
    level = np.full(n, "report" if model else "none", object)
    found = compare_to_reference(known, reports.fields, level, shares.argmax(1))
    return {each.feature for each in found if each.drifted}


def windows(reports: Reports, late: bool) -> list[Reports]:
    rows = np.flatnonzero((reports.fields["date_occ"] >= day_number(DRIFTS)) == late)
    return [reports.take(rows[at : at + WINDOW]) for at in range(0, len(rows) - WINDOW + 1, WINDOW)]


@pytest.mark.parametrize("seed", range(20))
def test_twenty_cities_without_drift_raise_no_alarm(seed: int, tmp_path: Path) -> None:
    same = city(tmp_path, seed, None)
    early = same.take(np.flatnonzero(same.fields["date_occ"] < day_number(DRIFTS)))
    known = drift_reference(count_watched_values(early.fields), dict.fromkeys(DETAIL_LEVELS, [[1] * 7] * 7))
    later = windows(same, late=True)[:8]
    assert len(later) == 8
    assert not [found for part in later if (found := drifts(known, part))]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_city_that_drifts_is_noticed_within_a_thousand_reports(seed: int, tmp_path: Path) -> None:
    other = city(tmp_path, seed, DRIFTS)
    early = other.take(np.flatnonzero(other.fields["date_occ"] < day_number(DRIFTS)))
    model, _ = train_category_model(early, Tally(), tmp_path / "bundle")
    known = model.spec.reference
    found = drifts(known, windows(other, True)[0], model)
    assert "premise" in found
    before = [drifts(known, part, model) for part in windows(other, False)[-4:]]
    assert before == [set()] * 4


def test_predictions_are_recorded_and_judged_when_labels_come(
    start: Callable[..., Backend], store: Store, rows: list[dict[str, str]], tmp_path: Path
) -> None:
    own = Store(tmp_path / "mlruns", {}, {})  # the same models, and no other test's predictions
    own.mlruns.mkdir()
    shutil.copy(store.mlruns / "mlflow.db", own.mlruns)
    server = start(record_seconds=0.5, mlruns=own.mlruns)
    asked = rows[:600]
    assert httpx.post(f"{server.url}/predict/batch", json=asked[:300], timeout=60).status_code == 200
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(asked[0]))
    writer.writeheader()
    writer.writerows(asked[300:500])
    headers = {"Content-Type": "text/csv"}
    url = f"{server.url}/predict/batch"
    assert httpx.post(url, content=table.getvalue(), headers=headers, timeout=60).status_code == 200
    for row in asked[500:]:
        assert httpx.post(f"{server.url}/predict", json=row).status_code == 200
    until = time.monotonic() + 20
    while "crime_predictions_recorded_total 600.0" not in httpx.get(f"{server.url}/metrics").text:
        assert time.monotonic() < until
        time.sleep(0.1)
    found = httpx.get(f"{server.url}/drift").json()
    assert found["reports"] == 600
    assert {each["feature"] for each in found["features"]} >= {"area", "hour", "premise", "weapon"}
    assert sum(period["reports"] for period in found["history"]) == 600
    kept = decode_records(path.read_bytes() for path in (own.mlruns / "monitoring").rglob("*.csv.gz"))
    assert sorted(kept.report_number) == sorted(row["DR_NO"] for row in asked)
    assert not [name for name in RECORD_COLUMNS if "vict" in name.lower()]

    later = tmp_path / "later.csv"
    with later.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asked[0]))
        writer.writeheader()
        writer.writerows(asked[:300])
    said = own.crime("drift", "--data", later).stdout
    assert "300 labels, accuracy 0.9" in said
    (week,) = httpx.get(f"{server.url}/drift").json()["performance"]
    assert (week["version"], week["reports"]) == ("1", 300)


def test_a_store_that_fails_is_counted_and_answers_go_on(
    start: Callable[..., Backend], rows: list[dict[str, str]], tmp_path: Path, store: Store
) -> None:
    server = start(record_seconds=0.3, tracking_uri="http://127.0.0.1:9", model_dir=bundle_of(store))
    assert httpx.post(f"{server.url}/predict", json=rows[0]).status_code == 200
    until = time.monotonic() + 20
    while 'crime_predictions_unrecorded_total{reason="store"} 1.0' not in httpx.get(f"{server.url}/metrics").text:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert httpx.post(f"{server.url}/predict", json=rows[1]).status_code == 200
    assert httpx.get(f"{server.url}/drift").status_code == 503


def bundle_of(store: Store) -> Path:
    from crime.core.model_names import CATEGORY_MODEL
    from crime.registry.embedded import EmbeddedRegistry
    from crime.registry.lookup import find_version

    return find_version(EmbeddedRegistry(store.mlruns), CATEGORY_MODEL)[1]
