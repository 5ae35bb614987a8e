"""Other servers' protocols answer a whole table as the real MLflow and pyarrow expect it."""

import io
import json
from typing import Any

import httpx
import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from crime.classifier.scoring import ANSWER_COLUMNS
from crime.registry.embedded import EmbeddedRegistry
from crime.reports.categories import CATEGORIES
from harness import Store

ARROW = "application/vnd.apache.arrow.stream"
NAMES = ["DATE OCC", "TIME OCC", "AREA", "Rpt Dist No", "Date Rptd", "Premis Cd", "Weapon Used Cd", "Mocodes", "LAT"]


def answers_alone(api: httpx.Client, rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """What `/predict` answers to each report."""
    return [api.post("/predict", json=row).raise_for_status().json() for row in rows]


@pytest.mark.parametrize("options", [{}, {"compression": "lz4"}, {"compression": "zstd"}])
def test_an_arrow_stream_is_answered_as_one(
    options: dict[str, Any], api: httpx.Client, rows: list[dict[str, str]]
) -> None:
    sent = rows[:2_500]
    table = pa.table({name: [row[name] for row in sent] for name in NAMES})
    table = table.set_column(2, "AREA", pa.array([int(row["AREA"]) for row in sent]))
    codes = pa.array([row["Mocodes"].split() for row in sent], pa.list_(pa.string()))
    table = table.set_column(7, "Mocodes", codes)
    if not options:  # nanoarrow does not read dictionaries that are compressed
        table = table.set_column(5, "Premis Cd", table["Premis Cd"].dictionary_encode())
    body = io.BytesIO()
    with pa.ipc.new_stream(body, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, 1_000)
    response = api.post("/predict/batch", content=body.getvalue(), headers={"content-type": ARROW})
    assert response.raise_for_status().headers["content-type"] == ARROW
    answers = pa.ipc.open_stream(response.content).read_all()
    assert (answers.column_names, len(answers)) == (list(ANSWER_COLUMNS), 2_500)
    assert answers["error"].null_count == 2_500
    alone = answers_alone(api, [{name: row[name] for name in NAMES} for row in sent[:20]])
    for row, single in zip(answers.slice(0, 20).to_pylist(), alone, strict=True):
        assert (row["label"], row["level"]) == (single["label"], single["level"])
        assert row["probability"] == pytest.approx(single["probability"], abs=1e-6)
        assert sum(row[f"p_{category}"] for category in CATEGORIES) == pytest.approx(1)


def test_mlflows_clients_get_what_its_own_server_answers(
    api: httpx.Client, store: Store, rows: list[dict[str, str]]
) -> None:
    assert api.get("/ping").status_code == 200
    frame = pd.DataFrame(rows[:50])[NAMES]
    mlflow.set_tracking_uri(EmbeddedRegistry(store.mlruns).tracking_uri)
    expected = mlflow.pyfunc.load_model("models:/crime-category@champion").predict(frame)
    bodies: list[dict[str, Any]] = [
        {"dataframe_split": json.loads(frame.to_json(orient="split"))},
        {"dataframe_records": frame.to_dict("records")},
        {"inputs": frame.to_dict("list")},
        {"instances": frame.to_dict("records")},
    ]
    answers = [api.post("/invocations", json=body) for body in bodies]
    answers.append(api.post("/invocations", content=frame.to_csv(index=False), headers={"content-type": "text/csv"}))
    for answer in answers:
        predictions = pd.DataFrame(answer.raise_for_status().json()["predictions"])
        pd.testing.assert_frame_equal(predictions, expected, check_dtype=False)


def test_the_open_inference_protocol(api: httpx.Client, rows: list[dict[str, str]]) -> None:
    assert api.get("/v2/health/live").json() == {"live": True}
    assert api.get("/v2/health/ready").json() == {"ready": True}
    model = api.get("/v2/models/crime-category").json()
    version = model["versions"][0]
    assert {"AREA", "DATE OCC", "Mocodes"} <= {tensor["name"] for tensor in model["inputs"]}
    assert api.get(f"/v2/models/crime-category/versions/{version}/ready").json()["ready"] is True
    sent = [{name: row[name] for name in NAMES} for row in rows[:20]]
    tensors = [
        {"name": name, "shape": [20], "datatype": "BYTES", "data": [row[name] for row in sent]} for name in NAMES
    ]
    tensors[2] |= {"datatype": "INT64", "shape": [20, 1], "data": [[int(row["AREA"])] for row in sent]}
    answer = api.post("/v2/models/crime-category/infer", json={"id": "a", "inputs": tensors}).raise_for_status().json()
    assert (answer["id"], answer["model_version"]) == ("a", version)
    outputs = {tensor["name"]: np.array(tensor["data"]).reshape(tensor["shape"]) for tensor in answer["outputs"]}
    alone = answers_alone(api, sent)
    assert outputs["label"].tolist() == [single["label"] for single in alone]
    assert outputs["probabilities"].max(1) == pytest.approx([single["probability"] for single in alone], abs=1e-6)
