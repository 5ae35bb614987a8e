"""The model that users get: how good it is on held-out reports, what MLflow stores of it, and which one answers."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import lightgbm
import mlflow
import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.settings import Settings
from crime.features.definitions import feature_columns
from crime.features.detail_levels import mask_above
from crime.metrics.classification import score_predictions
from crime.registry.embedded import EmbeddedRegistry
from crime.registry.lookup import find_version, load_champion
from crime.reports.files import load_reports
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.simulation.city import SimulatedCity
from crime.simulation.settings import CitySettings
from crime.simulation.tables import write_city
from crime.simulation.truth import bayes_log_losses
from crime.training.classifier.train import evaluate_levels, split_by_time, train_category_model
from crime.training.classifier.trees import TREE_PARAMETERS
from harness import Store, last_json, write_table


def test_held_out_reports_are_classified_as_well_as_promised(store: Store) -> None:
    summary = store.summary
    assert (summary["rows"], summary["rejected"]) == (1_578, 0)
    for scores in (summary["overall"], summary["levels"]["report"]):
        assert scores["accuracy"] >= 0.94
        assert scores["weighted_f1"] >= 0.94
        assert scores["macro_auc"] >= 0.98
        assert scores["ece"] <= 0.03
    losses = [summary["levels"][level]["log_loss"] for level in DETAIL_LEVELS]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("level", DETAIL_LEVELS)
def test_each_level_is_as_good_as_a_model_trained_for_it_alone(
    level: DetailLevel, model: CategoryBundle, reports: Reports
) -> None:
    past, held_out = split_by_time(reports)
    columns = feature_columns(model.spec.features, level)
    matrix = model.encoder.matrix(mask_above(past.fields, level), len(past))[:, columns]
    border = int(0.8 * len(matrix))
    parameters = {**TREE_PARAMETERS, "seed": 1, "num_threads": 1}
    earlier = lightgbm.Dataset(matrix[:border], past.label[:border])
    validation = lightgbm.Dataset(matrix[border:], past.label[border:], reference=earlier)
    stop: list[Callable[..., Any]] = [lightgbm.early_stopping(20, verbose=False)]
    rounds = lightgbm.train(parameters, earlier, 400, [validation], callbacks=stop).best_iteration
    alone = lightgbm.train(parameters, lightgbm.Dataset(matrix, past.label), rounds)
    unseen = model.encoder.matrix(mask_above(held_out.fields, level), len(held_out))[:, columns]
    loss_alone = score_predictions(np.asarray(alone.predict(unseen)), held_out.label).log_loss
    assert evaluate_levels(model.judged(), held_out)[level].log_loss <= 1.02 * loss_alone


def test_the_model_stays_calibrated_whatever_is_missing(model: CategoryBundle, reports: Reports) -> None:
    _, held_out = split_by_time(reports)
    model = model.judged()
    number, code = np.full(len(held_out), np.nan), np.full(len(held_out), None, object)
    for missing, unknown in (
        (["lat", "lon", "rpt_dist_no"], number),
        (["date_rptd"], number),
        (["premis_cd"], code),
        (["weapon_used_cd"], code),
    ):
        fields = held_out.fields | dict.fromkeys(missing, unknown)
        scores = score_predictions(model.predict(fields, len(held_out)).probabilities, held_out.label)
        assert scores.ece <= 0.03, missing
        assert scores.accuracy >= 0.92, missing


def test_on_a_simulated_city_the_model_comes_close_to_the_bayes_limit(tmp_path: Path) -> None:
    path = tmp_path / "reports.parquet"
    write_city(SimulatedCity(CitySettings(seed=4, rows=40_000)), path)
    model, held_out = train_category_model(load_reports(path, Tally()), Tally(), tmp_path / "bundle")
    for level, limit in bayes_log_losses(path, held_out).items():
        assert limit <= model.spec.metrics[level]["log_loss"] <= 1.1 * limit, level


def test_mlflow_holds_metrics_plots_and_a_pyfunc(store: Store) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{store.mlruns / 'mlflow.db'}")
    client = mlflow.MlflowClient()
    version = client.get_model_version_by_alias("crime-category", "champion")
    run = client.get_run(str(version.run_id))
    light = EmbeddedRegistry(store.mlruns).versions("crime-category")
    assert [v.version for v in light if "champion" in v.aliases] == [str(version.version)]
    assert next(v for v in light if v.version == str(version.version)).metrics == run.data.metrics
    assert run.data.metrics["weapon.log_loss"] > 0
    assert len(run.data.tags["data.fingerprint"]) == 64
    artifacts = {file.path for file in client.list_artifacts(run.info.run_id, "plots")}
    assert {"plots/confusion_report.png", "plots/calibration_place_time.png"} <= artifacts
    served = mlflow.pyfunc.load_model("models:/crime-category@champion")
    assert served.metadata.signature is not None
    answer = served.predict([{"DATE OCC": "01/15/2023", "TIME OCC": 1430, "AREA": 1}])
    assert answer.iloc[0]["level"] == "place_time"
    champion = load_champion(Settings(mlruns=store.mlruns))
    assert champion.version == str(version.version)
    assert not [file for file in champion.directory.rglob("*") if file.suffix in (".pkl", ".pickle")]


def test_a_worse_model_does_not_become_champion(store: Store, rows: list[dict[str, str]], tmp_path: Path) -> None:
    early = sorted(rows, key=lambda row: datetime.strptime(row["DATE OCC"][:10], "%m/%d/%Y"))[:4_000]
    codes = [row["Crm Cd"] for row in early]
    spoilt = tmp_path / "spoilt.csv"  # wrong crime codes in the part that is trained on
    write_table(spoilt, [row | ({"Crm Cd": codes[i - 7]} if i < 3_000 else {}) for i, row in enumerate(early)])
    own = store.copy(tmp_path / "mlruns")
    before = find_version(EmbeddedRegistry(own.mlruns), "crime-category")[0]
    done = own.crime("train", "--data", spoilt, "--json")
    assert int(last_json(done)["version"]) > int(before)
    assert "not champion: log loss" in done.stdout
    assert find_version(EmbeddedRegistry(own.mlruns), "crime-category")[0] == before
    with closing(sqlite3.connect(own.mlruns / "mlflow.db")) as database:
        (verdict,) = database.execute(
            "SELECT value FROM model_version_tags WHERE key = 'verdict' ORDER BY version DESC"
        ).fetchone()
    assert verdict.startswith("not champion")
