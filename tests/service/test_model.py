"""How good the model is on reports nobody trained on, and that training can be trusted."""

import json
import sqlite3
from pathlib import Path

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
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.simulation.city import SimulatedCity
from crime.simulation.settings import CitySettings
from crime.simulation.tables import write_city
from crime.simulation.truth import bayes_log_losses
from crime.training.classifier.train import evaluate_levels, split_by_time, train_category_model
from crime.training.classifier.trees import TREE_PARAMETERS
from harness import Store


def test_held_out_reports_are_answered_as_well_as_promised(store: Store) -> None:
    summary = store.summary
    assert (summary["rows"], summary["rejected"]) == (2_000, 0)
    for scores in (summary["overall"], summary["levels"]["report"]):
        assert scores["accuracy"] >= 0.94
        assert scores["weighted_f1"] >= 0.94
        assert scores["macro_auc"] >= 0.98
        assert scores["ece"] <= 0.03
    losses = [summary["levels"][level]["log_loss"] for level in DETAIL_LEVELS]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("level", DETAIL_LEVELS)
def test_each_level_is_as_good_as_a_model_trained_for_it_alone(
    level: str, model: CategoryBundle, reports: Reports
) -> None:
    past, held_out = split_by_time(reports)
    columns = feature_columns(model.spec.features, level)
    x = model.encoder.matrix(mask_above(past.fields, level), len(past))[:, columns]
    border = int(0.8 * len(x))
    parameters = {**TREE_PARAMETERS, "seed": 1, "num_threads": 2}
    first = lightgbm.Dataset(x[:border], past.label[:border])
    late = lightgbm.Dataset(x[border:], past.label[border:], reference=first)
    stop = [lightgbm.early_stopping(20, verbose=False)]
    rounds = lightgbm.train(parameters, first, 400, [late], callbacks=stop).best_iteration
    alone = lightgbm.train(parameters, lightgbm.Dataset(x, past.label), rounds)
    seen = model.encoder.matrix(mask_above(held_out.fields, level), len(held_out))[:, columns]
    theirs = score_predictions(np.asarray(alone.predict(seen)), held_out.label).log_loss
    ours = evaluate_levels(model, held_out)[level].log_loss
    assert ours <= 1.02 * theirs


def test_the_model_stays_calibrated_whatever_is_missing(model: CategoryBundle, reports: Reports) -> None:
    _, held_out = split_by_time(reports)
    unknown = np.full(len(held_out), np.nan)
    for hidden in (["lat", "lon", "rpt_dist_no"], ["date_rptd"], ["premis_cd"], ["weapon_used_cd"]):
        fields = held_out.fields | dict.fromkeys(hidden, unknown)
        scores = score_predictions(model.predict(fields, len(held_out))[0], held_out.label)
        assert scores.ece <= 0.03, hidden
        assert scores.accuracy >= 0.93, hidden


def test_on_a_simulated_city_little_that_can_be_known_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "reports.parquet"
    write_city(SimulatedCity(CitySettings(seed=4, rows=40_000)), path)
    model, held_out = train_category_model(load_reports(path, Tally()), Tally(), tmp_path / "bundle")
    for level, limit in bayes_log_losses(path, held_out).items():
        assert limit <= model.spec.metrics[level]["log_loss"] <= 1.1 * limit, level


def test_mlflow_knows_all_of_it(store: Store) -> None:
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
    mine = load_champion(Settings(mlruns=store.mlruns))
    assert answer.iloc[0]["level"] == "place_time"
    assert mine.version == str(version.version)
    stored = Path(mine.spec.sha256 and find_version(EmbeddedRegistry(store.mlruns), "crime-category")[1])
    assert not [file for file in stored.rglob("*") if file.suffix in (".pkl", ".pickle")]


def test_a_worse_model_does_not_become_champion(store: Store, rows: list[dict[str, str]], tmp_path: Path) -> None:
    import csv

    spoilt = tmp_path / "spoilt.csv"
    early = sorted(rows, key=lambda row: row["DATE OCC"])[:4_000]
    codes = [row["Crm Cd"] for row in early]
    with spoilt.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(early[0]))
        writer.writeheader()
        for at, row in enumerate(early):  # wrong answers in the part that is trained on
            writer.writerow(row | ({"Crm Cd": codes[at - 7]} if at < 3_000 else {}))
    before = find_version(EmbeddedRegistry(store.mlruns), "crime-category")[0]
    done = store.crime("train", "--data", spoilt, "--json")
    assert int(json.loads(done.stdout.splitlines()[-1])["version"]) > int(before)
    assert "not champion: log loss" in done.stdout
    assert find_version(EmbeddedRegistry(store.mlruns), "crime-category")[0] == before
    with sqlite3.connect(store.mlruns / "mlflow.db") as database:
        (verdict,) = database.execute(
            "SELECT value FROM model_version_tags WHERE key = 'verdict' ORDER BY version DESC"
        ).fetchone()
    assert verdict.startswith("not champion")
