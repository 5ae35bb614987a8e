"""Protocols of other servers: answers are those of one report alone, and errors have each protocol's own form."""

import io
import struct
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.reports.categories import CATEGORIES
from memory_registry import MemoryRegistry
from reports import SMALLEST_REPORT
from starlette.testclient import TestClient

NAME = "crime-category"
JSON, CSV = {"content-type": "application/json"}, {"content-type": "text/csv; charset=utf-8"}
V1, V2 = f"/v1/models/{NAME}", f"/v2/models/{NAME}"
PATHS = ("/invocations", f"{V2}/infer", f"{V1}:predict")


@pytest.fixture(params=[{}, {"a": "query"}], ids=["direct", "by FastAPI's routing"])
def client(
    request: pytest.FixtureRequest,
    start_app: Callable[..., TestClient],
    registry: MemoryRegistry,
    small_bundle: CategoryBundle,
) -> TestClient:
    registry.register(NAME, small_bundle.directory, "champion")
    client = start_app(max_batch=100, max_upload_bytes=1 << 20)
    client.params = request.param
    return client


def message(answer: Any) -> str:
    """An error's message; fails unless it has its protocol's form, and no more."""
    error = answer.json()
    if answer.request.url.path == "/invocations":
        assert set(error) == {"error_code", "message"}
        return str(error["message"])
    assert set(error) == {"error"}
    return str(error["error"])


def test_mlflows_protocol_answers_a_record_for_each_row(client: TestClient) -> None:
    assert client.get("/ping").status_code == 200
    records = client.post(
        "/invocations", json={"dataframe_records": [SMALLEST_REPORT, SMALLEST_REPORT | {"AREA": 99}]}
    ).json()
    good, bad = records["predictions"]
    single = client.post("/predict", json=SMALLEST_REPORT).json()
    assert (good["label"], good["level"]) == (single["label"], single["level"])
    assert sum(good[f"p_{category}"] for category in CATEGORIES) == pytest.approx(1, abs=1e-5)
    assert (bad["label"], bad["error"]) == (None, "AREA: expected an area number from 1 to 21")
    as_csv = client.post("/invocations", content=b"DATE OCC,TIME OCC,AREA\n01/15/2023,1430,1\n", headers=CSV).json()
    assert as_csv["predictions"] == [good]


def test_columns_that_no_report_has_are_named_by_every_protocol(client: TestClient) -> None:
    report = SMALLEST_REPORT | {"Premis Cdd": "101"}
    tensors = [
        {"name": name, "shape": [1], "datatype": "BYTES", "data": [str(value)]} for name, value in report.items()
    ]
    stream = io.BytesIO()
    table = pa.table({name: [str(value)] for name, value in report.items()})
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    arrow = {"content-type": "application/vnd.apache.arrow.stream"}
    answers = [
        client.post("/invocations", json={"dataframe_records": [report]}),
        client.post(f"{V1}:predict", json={"instances": [report]}),
        client.post(f"{V2}/infer", json={"inputs": tensors}),
        client.post("/predict/batch", content=stream.getvalue(), headers=arrow),
    ]
    assert [answer.headers["columns-not-read"] for answer in answers] == ['["Premis Cdd (Premis Cd?)"]'] * 4


def test_the_open_inference_protocol_answers_in_tensors(client: TestClient) -> None:
    tensors = [
        {"name": name, "shape": [1], "datatype": "BYTES", "data": [value]} for name, value in SMALLEST_REPORT.items()
    ]
    single = client.post("/predict", json=SMALLEST_REPORT).json()
    for path in (f"/v2/models/{NAME}/infer", f"/v2/models/{NAME}/versions/1/infer"):
        answer = client.post(path, json={"id": "a", "inputs": tensors, "outputs": [{"name": "label"}]}).json()
        assert (answer["id"], answer["model_version"]) == ("a", "1")
        assert answer["outputs"][0]["data"] == [single["label"]]
    for path in (f"/v2/models/{NAME}/versions/7", "/v2/models/other", f"/v2/models/{NAME}/versions/7/ready"):
        assert client.get(path).status_code == 404
    assert client.post("/v2/models/other/infer", json={"inputs": tensors}).status_code == 404
    metadata = client.get(f"/v2/models/{NAME}").json()
    assert metadata["versions"] == ["1"]
    assert {tensor["name"]: tensor["shape"] for tensor in metadata["outputs"]}["probabilities"] == [-1, 7]
    assert client.get("/v2/health/ready").json() == {"ready": True}


def test_the_open_inference_protocol_takes_and_answers_bytes(client: TestClient) -> None:
    texts = {name: str(value).encode() for name, value in SMALLEST_REPORT.items()}
    data = b"".join(struct.pack("<I", len(text)) + text for text in texts.values())
    inputs = ",".join(
        f'{{"name":"{name}","shape":[1],"datatype":"BYTES","parameters":{{"binary_data_size":{4 + len(text)}}}}}'
        for name, text in texts.items()
    )
    header = f'{{"inputs":[{inputs}],"parameters":{{"binary_data_output":true}}}}'.encode()
    headers = {"Inference-Header-Content-Length": str(len(header))}
    answer = client.post(f"{V2}/infer", content=header + data, headers=headers)
    length = int(answer.headers["inference-header-content-length"])
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.content[length : length + 8] == struct.pack(
        "<q", client.post("/predict", json=SMALLEST_REPORT).json()["label"]
    )
    for wrong in ("-1", "x", str(len(header) + len(data) + 1)):
        refused = client.post(f"{V2}/infer", content=header + data, headers={"Inference-Header-Content-Length": wrong})
        assert message(refused).startswith("Inference-Header-Content-Length: expected the length of the JSON")


def test_kserves_first_protocol(client: TestClient) -> None:
    assert client.get("/v1/models").json() == {"models": [NAME]}
    assert client.get(V1).json() == {"name": NAME, "ready": True}
    answer = client.post(f"{V1}:predict", json={"instances": [SMALLEST_REPORT, {"AREA": 1}]}).json()
    single = client.post("/predict", json=SMALLEST_REPORT).json()
    assert answer["predictions"][0]["label_name"] == single["label_name"]
    assert answer["predictions"][1]["error"] == "DATE OCC is blank"
    for refused in (client.get("/v1/models/other"), client.post("/v1/models/other:predict", json={})):
        assert (refused.status_code, message(refused)) == (404, "no model 'other'")
    assert message(client.post(f"{V1}:predict", json={"instances": [[1]]})) == (
        "instances: expected a list of reports, each an object with DATE OCC, TIME OCC, AREA; found a list with a list"
    )


@pytest.mark.parametrize("path", PATHS)
def test_errors_have_the_form_of_the_protocol(path: str, client: TestClient) -> None:
    answer = client.post(path, content=b'{"AREA": ', headers=JSON)
    assert (answer.status_code, message(answer)[:16]) == (422, "body: not JSON: ")
    answer = client.get(path)
    assert (answer.status_code, message(answer), answer.headers["allow"]) == (405, "Method Not Allowed", "POST")
    assert message(client.post(path, json=[])).startswith("body: ")


def test_records_without_one_are_refused_as_by_mlflow_and_a_list_is_answered_in_kind(client: TestClient) -> None:
    assert client.post("/predict/batch", json=[]).json() == []
    for path, form in (("/invocations", "dataframe_records"), (f"{V1}:predict", "instances")):
        answer = client.post(path, json={form: []})
        assert (answer.status_code, message(answer).endswith("found a list with none")) == (422, True)
    nothing: dict[str, list[Any]] = {
        name: [] for name in SMALLEST_REPORT
    }  # a table with columns, which MLflow's own server answers too
    assert client.post("/invocations", json={"inputs": nothing}).json() == {"predictions": []}


def test_without_a_model_the_protocols_say_so(start_app: Callable[..., TestClient]) -> None:
    client = start_app()
    for path in PATHS:
        answer = client.post(path, content=b"{", headers=JSON)
        assert answer.status_code == 503
        assert message(answer).startswith("no model to answer with: ")
    assert client.get("/v1/models").json() == {"models": []}
    assert [client.get(path).status_code for path in (V1, V2, "/ping")] == [503] * 3


def test_what_mlflows_client_asks_first_is_answered(client: TestClient) -> None:
    assert client.get("/version").text == client.get("/").json()["version"]


def test_a_path_allows_the_methods_of_all_its_routes(client: TestClient) -> None:
    for path, methods in (
        (f"/models/{NAME}/challenger", "DELETE, GET, POST"),
        ("/features", "GET, POST"),
        ("/predict", "POST"),
        ("/v2", "GET"),
    ):
        answer = client.request("OPTIONS", path)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)
    assert message(client.get("/v2/other")) == "Not Found"


def test_an_error_of_the_server_has_the_form_of_the_protocol(
    make_app: Callable[..., Any],
    registry: MemoryRegistry,
    small_bundle: CategoryBundle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    monkeypatch.setattr("crime.serving.routes.open_inference.parse_long_json", lambda *_: 1 / 0)
    with TestClient(make_app(), raise_server_exceptions=False) as client:
        answer = client.post(f"{V2}/infer", json={})
        assert (answer.status_code, message(answer)) == (500, "an error of the server, which is in its log")


@pytest.mark.parametrize(("version", "status"), [("1", 200), ("7", 404)])
def test_a_version_may_be_told_by_the_query(version: str, status: int, client: TestClient) -> None:
    tensors = [{"name": n, "shape": [1], "datatype": "BYTES", "data": [str(v)]} for n, v in SMALLEST_REPORT.items()]
    answer = client.post(f"{V2}/infer", params={"version": version}, json={"inputs": tensors})
    assert answer.status_code == status, answer.text
