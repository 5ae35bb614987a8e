"""What publishing leaves in MLflow: run, plots, signature, version, tags and aliases."""

import json
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.pipelines.publishing import signature
from crime.registry.audit import read_decisions
from crime.registry.gates import GateName, gates_from_tags
from crime.reports.schema import DETAIL_LEVELS
from published_store import PublishedStore


@pytest.fixture
def client(published: PublishedStore) -> mlflow.MlflowClient:
    mlflow.set_tracking_uri(published.registry.tracking_uri)
    return mlflow.MlflowClient()


def test_a_version_that_passes_its_gates_becomes_champion(published: PublishedStore) -> None:
    assert published.first.version == "1"
    assert published.first.verdict == "champion: the first one"
    assert published.second.version == "2"
    assert published.second.verdict.startswith("champion: log loss")
    second, first = published.registry.versions("crime-category")
    assert (first.aliases, second.aliases) == (["previous"], ["champion"])
    assert first.tags["data.digest"] == "abc"
    assert second.tags["run"] == second.run_id
    gates = gates_from_tags(second.tags)
    assert {gate.name for gate in gates} == set(GateName) - {
        GateName.FIRST,
        GateName.NEWER,
        GateName.BASELINE_REPORT,
        GateName.BASELINE_PLACE_TIME,
        GateName.BASELINE_AREA,
        GateName.BASELINE_DISTRICT,
    }
    assert all(gate.passed for gate in gates)
    decisions = [(act.version, act.by, act.reason) for act in read_decisions(published.registry)]
    assert decisions == [("2", "training", "it passed its gates"), ("1", "training", "it passed its gates")]


def test_the_run_has_the_training_s_parameters_metrics_and_plots(
    published: PublishedStore, small_bundle: CategoryBundle, client: mlflow.MlflowClient
) -> None:
    run_id = str(published.registry.versions("crime-category")[0].run_id)
    run = client.get_run(run_id)
    spec = small_bundle.spec
    assert run.data.tags["data.fingerprint"] == spec.data.fingerprint
    assert run.data.params["num_leaves"] == "4"
    assert run.data.params["trained_on"] == str(spec.data.trained_on)
    assert run.data.params["from"] == spec.data.first_day
    assert run.data.metrics["overall.log_loss"] == spec.metrics["overall"]["log_loss"]
    plots = {file.path for file in client.list_artifacts(run_id, "plots")}
    assert plots == {f"plots/{plot}_{level}.png" for plot in ("confusion", "calibration") for level in DETAIL_LEVELS}
    place = Path(client.download_artifacts(run_id, "plots/confusion_report.png"))
    assert place.read_bytes().startswith(b"\x89PNG")


def test_the_registered_bundle_is_the_trained_one_file_by_file(
    published: PublishedStore, small_bundle: CategoryBundle
) -> None:
    stored = published.registry.bundle("crime-category", "2")
    names = sorted(file.name for file in small_bundle.directory.iterdir())
    assert sorted(file.name for file in stored.iterdir()) == names
    assert all((stored / name).read_bytes() == (small_bundle.directory / name).read_bytes() for name in names)


def test_mlflow_serves_the_version_with_the_answers_of_the_bundle(
    published: PublishedStore, small_bundle: CategoryBundle, client: mlflow.MlflowClient
) -> None:
    served = mlflow.pyfunc.load_model("models:/crime-category@champion")
    answers = served.predict(pd.DataFrame([{"DATE OCC": "01/15/2023", "TIME OCC": 1430, "AREA": 1}]))
    assert list(answers.columns) == [column.name for column in served.metadata.signature.outputs.inputs]
    assert answers.iloc[0]["level"] == "place_time"
    probabilities = answers[[name for name in answers if name.startswith("p_")]].to_numpy()
    assert probabilities.sum() == pytest.approx(1)
    assert np.argmax(probabilities) == answers.iloc[0]["label"]


def test_victim_columns_are_inputs_only_of_a_model_that_uses_them(small_bundle: CategoryBundle) -> None:
    spec = small_bundle.spec.as_json()
    assert not spec["victim"]
    without = set(signature("crime-category", spec).inputs.input_names())
    with_victim = set(signature("crime-category", spec | {"victim": True}).inputs.input_names())
    assert with_victim - without == {"Vict Age", "Vict Sex", "Vict Descent"}
    required = [column.name for column in signature("crime-category", spec).inputs.inputs if column.required]
    assert required == ["DATE OCC", "TIME OCC", "AREA"]


def test_a_forecast_takes_a_day_and_perhaps_a_place() -> None:
    shape = signature("crime-risk", {})
    assert [(column.name, column.required) for column in shape.inputs.inputs] == [
        ("date", True),
        ("area", False),
        ("district", False),
        ("category", False),
        ("shift", False),
    ]
    assert shape.outputs.input_names() == ["mean", "low80", "high80", "low95", "high95", "error"]


def test_the_spec_is_an_artifact_of_the_run(
    published: PublishedStore, small_bundle: CategoryBundle, client: mlflow.MlflowClient
) -> None:
    run_id = str(published.registry.versions("crime-category")[0].run_id)
    logged = Path(client.download_artifacts(run_id, "spec.json"))
    assert json.loads(logged.read_text()) == json.loads((small_bundle.directory / "spec.json").read_text())
