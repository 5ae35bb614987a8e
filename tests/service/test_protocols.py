"""Tables in every format, and other servers' protocols, answer as one report alone is answered."""

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
READ = ["DATE OCC", "TIME OCC", "AREA", "Rpt Dist No", "Date Rptd", "Premis Cd", "Weapon Used Cd", "Mocodes", "LAT"]


def alone(api: httpx.Client, rows: list[dict[str, Any]]) -> list[tuple[int, str, float]]:
    found = [api.post("/predict", json=row).raise_for_status().json() for row in rows]
    return [(each["label"], each["level"], each["probability"]) for each in found]


def arrow(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, 1_000)
    return out.getvalue()


@pytest.mark.parametrize("options", [{}, {"compression": "lz4"}, {"compression": "zstd"}])
def test_an_arrow_stream_is_answered_as_one(
    options: dict[str, str], api: httpx.Client, rows: list[dict[str, str]]
) -> None:
    asked = rows[:2_500]
    table = pa.table({name: [row[name] for row in asked] for name in READ})
    table = table.set_column(2, "AREA", pa.array([int(row["AREA"]) for row in asked]))
    codes = pa.array([row["Mocodes"].split() for row in asked], pa.list_(pa.string()))
    table = table.set_column(7, "Mocodes", codes)
    if not options:  # nanoarrow does not read dictionaries that are compressed
        table = table.set_column(5, "Premis Cd", table["Premis Cd"].dictionary_encode())
    answer = api.post("/predict/batch", content=arrow(table, **options), headers={"content-type": ARROW})
    assert answer.raise_for_status().headers["content-type"] == ARROW
    found = pa.ipc.open_stream(answer.content).read_all()
    assert (found.column_names, len(found)) == (list(ANSWER_COLUMNS), 2_500)
    assert found["error"].null_count == 2_500
    shown = [{name: row[name] for name in READ} for row in asked[:20]]
    for row, (label, level, probability) in zip(found.slice(0, 20).to_pylist(), alone(api, shown), strict=True):
        assert (row["label"], row["level"]) == (label, level)
        assert row["probability"] == pytest.approx(probability, abs=1e-6)
        assert sum(row[f"p_{category}"] for category in CATEGORIES) == pytest.approx(1)


def test_what_arrow_can_not_say_is_told(api: httpx.Client, rows: list[dict[str, str]]) -> None:
    table = pa.table({"DATE OCC": ["01/02/2020", "never"], "TIME OCC": [1200, 1200], "AREA": [3, 3]})
    answer = api.post("/predict/batch", content=arrow(table), headers={"content-type": ARROW})
    good, bad = pa.ipc.open_stream(answer.content).read_all().to_pylist()
    assert good["error"] is None
    assert (bad["label"], bad["level"], bad["label_name"]) == (None, None, None)
    assert bad["error"].startswith("DATE OCC: expected")
    for body in (b"", b"no arrow", arrow(table)[:200], arrow(pa.table({"x": [1]}))):
        answer = api.post("/predict/batch", content=body, headers={"content-type": ARROW})
        assert answer.status_code == 422, body
        assert answer.json()["detail"][0]["field"] == "file"


def test_mlflows_clients_get_what_its_own_server_gives(
    api: httpx.Client, store: Store, rows: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.get("/ping").status_code == 200
    frame = pd.DataFrame(rows[:50])[READ]
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: EmbeddedRegistry(store.mlruns).tracking_uri)
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
        found = pd.DataFrame(answer.raise_for_status().json()["predictions"])
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{}",
        b'{"dataframe_split": {"columns": ["AREA"], "data": [[1, 2]]}}',
        b'{"inputs": {"AREA": [1], "TIME OCC": [1, 2]}}',
        b'{"dataframe_records": [{"AREA": 1}]}',
        b'{"dataframe_records": 3}',
    ],
)
def test_a_wrong_invocation_says_what_was_expected(body: bytes, api: httpx.Client) -> None:
    answer = api.post("/invocations", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["msg"]


def test_the_open_inference_protocol(api: httpx.Client, rows: list[dict[str, str]]) -> None:
    assert api.get("/v2/health/live").json() == {"live": True}
    assert api.get("/v2/health/ready").json() == {"ready": True}
    model = api.get("/v2/models/crime-category").json()
    version = model["versions"][0]
    assert {"AREA", "DATE OCC", "Mocodes"} <= {each["name"] for each in model["inputs"]}
    assert api.get(f"/v2/models/crime-category/versions/{version}/ready").json()["ready"] is True
    asked = [{name: row[name] for name in READ} for row in rows[:20]]
    tensors = [
        {"name": name, "shape": [20], "datatype": "BYTES", "data": [row[name] for row in asked]} for name in READ
    ]
    tensors[2] |= {"datatype": "INT64", "shape": [20, 1], "data": [[int(row["AREA"])] for row in asked]}
    answer = api.post("/v2/models/crime-category/infer", json={"id": "a", "inputs": tensors}).raise_for_status().json()
    assert (answer["id"], answer["model_version"]) == ("a", version)
    found = {each["name"]: np.array(each["data"]).reshape(each["shape"]) for each in answer["outputs"]}
    expected = alone(api, asked)
    assert found["label"].tolist() == [label for label, _, _ in expected]
    assert found["probabilities"].max(1) == pytest.approx([probability for _, _, probability in expected], abs=1e-6)
    some = api.post(
        f"/v2/models/crime-category/versions/{version}/infer",
        json={"inputs": tensors, "outputs": [{"name": "label"}]},
    )
    assert [each["name"] for each in some.json()["outputs"]] == ["label"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [3]}, "expected shape"),
        ({"data": ["99"]}, "row 0: AREA: expected"),
        ({"datatype": "TEXT"}, "datatype"),
        ({"name": "x"}, "no column 'AREA'"),
    ],
)
def test_a_wrong_tensor_is_named(change: dict[str, Any], said: str, api: httpx.Client) -> None:
    tensors: list[dict[str, Any]] = [
        {"name": name, "shape": [1], "datatype": "BYTES", "data": [value]}
        for name, value in (("DATE OCC", "01/02/2020"), ("TIME OCC", "1200"), ("AREA", "3"))
    ]
    tensors[2] |= change
    answer = api.post("/v2/models/crime-category/infer", json={"inputs": tensors})
    assert answer.status_code == 422
    assert said in answer.json()["detail"][0]["msg"]
    assert api.post("/v2/models/another/infer", json={"inputs": tensors}).status_code == 404
    assert api.get("/v2/models/crime-category/versions/77").status_code == 404
