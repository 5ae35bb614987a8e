"""Routes translate: every format is answered as one report alone, and errors say what is wrong with a request."""

import csv
import gzip
import io
import json
import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.reports.categories import CATEGORY_NAMES
from crime.serving.formats.arrow import ARROW_TYPE
from crime.serving.payloads.predictions import Explanation, Prediction
from crime.serving.payloads.report import EXAMPLE_REPORT
from memory_registry import MemoryRegistry
from reports import SMALLEST_REPORT
from starlette.testclient import TestClient

NAME = "crime-category"
REPORTS: list[dict[str, Any]] = [SMALLEST_REPORT, EXAMPLE_REPORT, SMALLEST_REPORT | {"AREA": 12, "Premis Cd": 501}]
NAMES = list(dict.fromkeys(name for report in REPORTS for name in report))
COLUMNS = {name: [report.get(name) for report in REPORTS] for name in NAMES}
JSON, CSV = {"content-type": "application/json"}, {"content-type": "text/csv; charset=utf-8"}
ONE_REPORT_PATHS = ("/predict", "/explain", "/features")
PATHS = (*ONE_REPORT_PATHS, "/predict/batch")


@pytest.fixture
def client(start_app: Callable[..., TestClient], registry: MemoryRegistry, small_bundle: CategoryBundle) -> TestClient:
    registry.register(NAME, small_bundle.directory, "champion")
    return start_app(max_batch=100, max_upload_bytes=1 << 20)


@pytest.fixture
def alone(client: TestClient) -> list[Prediction]:
    """The answers to `REPORTS`, one at a time."""
    return [Prediction.model_validate(client.post("/predict", json=report).json()) for report in REPORTS]


def csv_body() -> bytes:
    """`REPORTS` as a CSV table, in which what is not known is blank."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, NAMES)
    writer.writeheader()
    writer.writerows(REPORTS)
    return text.getvalue().encode()


def arrow_body(columns: dict[str, list[Any]]) -> bytes:
    out, table = io.BytesIO(), pa.table(columns)
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def detail(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["detail"]
    return dict(problem)


def test_a_prediction_names_level_model_and_what_is_missing(client: TestClient) -> None:
    answer = Prediction.model_validate(client.post("/predict", json=SMALLEST_REPORT).json())
    assert (answer.level, answer.model_name, answer.model_version) == ("place_time", NAME, "1")
    assert answer.label_name == CATEGORY_NAMES[answer.label]
    assert answer.probability == max(answer.probabilities.values())
    assert answer.missing == ["Date Rptd", "Rpt Dist No", "Mocodes", "Premis Cd", "Weapon Used Cd", "LAT", "LON"]


def test_a_list_is_answered_as_each_report_alone(client: TestClient, alone: list[Prediction]) -> None:
    together = [Prediction.model_validate(row) for row in client.post("/predict/batch", json=REPORTS).json()]
    for prediction in (*together, *alone):
        prediction.inference_time_ms = 0
    assert together == alone
    assert client.post("/predict/batch", json=[]).json() == []


def test_warnings_are_the_same_alone_and_in_a_list(client: TestClient) -> None:
    odd = EXAMPLE_REPORT | {"AREA": 6, "Premise Cdd": 101, "DATE OCC": "2060-01-15", "LAT": math.nan}
    body = json.dumps(odd).encode()
    alone = client.post("/predict", content=body, headers=JSON).json()["warnings"]
    explained = client.post("/explain", content=body, headers=JSON).json()["warnings"]
    listed = client.post("/predict/batch", content=b"[%b,%b]" % (body, body), headers=JSON).json()
    assert alone == explained == listed[0]["warnings"] == listed[1]["warnings"]
    assert [warning.partition(":")[0] for warning in alone] == ["LAT", "Premise Cdd", "DATE OCC", "Rpt Dist No"]
    assert alone[-1] == "Rpt Dist No: 162 is not in AREA 6, whose districts are 600 to 699"
    assert client.post("/predict", json=EXAMPLE_REPORT).json()["warnings"] == []


def test_a_csv_table_is_answered_however_it_comes(client: TestClient) -> None:
    body = csv_body()
    answers = [
        client.post("/predict/batch", content=body, headers=CSV),
        client.post("/predict/batch", content=gzip.compress(body), headers=CSV),
        client.post("/predict/batch", files={"file": ("reports.csv", body)}),
    ]
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].headers["content-disposition"] == 'attachment; filename="predictions.csv"'
    rows = list(csv.DictReader(io.StringIO(answers[0].text)))
    blank = [{name: report.get(name, "") for name in NAMES} for report in REPORTS]
    single = [client.post("/predict", json=report).json() for report in blank]
    assert [row["label_name"] for row in rows] == [answer["label_name"] for answer in single]
    for row, answer in zip(rows, single, strict=True):
        assert float(row["probability"]) == pytest.approx(answer["probability"], abs=2e-6)


def test_an_arrow_stream_is_answered_as_each_report_alone(client: TestClient) -> None:
    columns = {name: ["" if cell is None else str(cell) for cell in cells] for name, cells in COLUMNS.items()}
    answer = client.post("/predict/batch", content=arrow_body(columns), headers={"content-type": ARROW_TYPE})
    assert answer.headers["content-type"] == ARROW_TYPE
    rows = pa.ipc.open_stream(answer.content).read_all().to_pylist()
    for row, cells in zip(rows, zip(*columns.values(), strict=True), strict=True):
        single = client.post("/predict", json=dict(zip(NAMES, cells, strict=True))).json()
        assert (row["label"], row["level"]) == (single["label"], single["level"])
        assert row["probability"] == pytest.approx(single["probability"], abs=1e-6)


def test_an_explanation_is_a_prediction_with_reasons(client: TestClient) -> None:
    explanation = Explanation.model_validate(client.post("/explain", json=EXAMPLE_REPORT).json())
    single = client.post("/predict", json=EXAMPLE_REPORT).json()
    assert explanation.probabilities == pytest.approx(single["probabilities"], abs=1e-6)
    raw = [
        explanation.start[name] + sum(reason.log_odds[name] for reason in explanation.reasons)
        for name in CATEGORY_NAMES
    ]
    total = sum(map(math.exp, raw))
    assert [math.exp(score) / total for score in raw] == pytest.approx(
        list(explanation.probabilities.values()), abs=1e-4
    )


def test_an_explanation_leads_from_the_base_rates_to_the_answer(client: TestClient) -> None:
    explanation = Explanation.model_validate(client.post("/explain", json=EXAMPLE_REPORT).json())
    for name, probability in explanation.probabilities.items():
        effects = sum(reason.effect[name] for reason in explanation.reasons)
        assert explanation.base_rates[name] + effects == pytest.approx(probability, abs=1e-4)


@pytest.mark.parametrize("known", [(), ("AREA",), ("DATE OCC", "AREA"), ("Mocodes", "Rpt Dist No")])
@pytest.mark.parametrize("system", ["legacy", "nibrs"])
def test_an_explanation_needs_no_field(known: tuple[str, ...], system: str, client: TestClient) -> None:
    report = {"System": system} | {name: EXAMPLE_REPORT[name] for name in known}
    answer = client.post("/explain", json=report)
    explanation = Explanation.model_validate(answer.json())
    required = [name for name in ("DATE OCC", "TIME OCC", "AREA") if name not in known]
    assert explanation.missing[: len(required)] == required
    assert {(name,) for name in required} <= {tuple(field.fields) for field in explanation.next_fields}
    if not known:
        assert explanation.probabilities == pytest.approx(explanation.base_rates, abs=1e-6)
    assert client.post("/predict", json=report).status_code == 422  # the prediction of record needs all three


def test_a_day_in_the_future_is_told(client: TestClient) -> None:
    for path in ("/predict", "/explain"):
        (warning,) = client.post(path, json=EXAMPLE_REPORT | {"DATE OCC": "2099-01-15"}).json()["warnings"]
        assert warning == "DATE OCC: 2099-01-15 is in the future"


def test_the_vector_is_what_the_model_sees(client: TestClient, small_bundle: CategoryBundle) -> None:
    answer = client.post("/features", json=SMALLEST_REPORT).json()
    assert answer["level"] == "place_time"
    assert answer["features"]["area"] == 1
    assert set(answer["features"]) < set(small_bundle.names)
    described = {feature["name"]: feature for feature in client.get("/features").json()["features"]}
    assert set(small_bundle.names) <= set(described)
    assert described["area"]["use"] == "at every level"


def test_codes_come_with_names_the_most_frequent_first(client: TestClient) -> None:
    codes = client.get("/codes").json()
    assert set(codes) == {"area", "premis", "weapon", "mo", "crime"}
    none = {"category": None, "serious": None}
    assert codes["area"][0] == {"code": "1", "name": "Central", "reports": 0, "system": "legacy"} | none
    assert {"code": "240", "name": "Motor Vehicle Theft", "reports": 0, "system": "nibrs"} | {
        "category": "theft/burglary",
        "serious": True,
    } in codes["crime"]
    frequency = [code["reports"] for code in codes["premis"]]
    assert frequency == sorted(frequency, reverse=True)
    assert frequency[0] > 0


@pytest.mark.parametrize("path", ONE_REPORT_PATHS)
def test_wrong_input_names_field_value_and_what_was_expected(path: str, client: TestClient) -> None:
    problem = detail(client.post(path, json=SMALLEST_REPORT | {"AREA": 22}))
    assert (problem["field"], problem["value"]) == ("AREA", 22)
    assert problem["msg"] == "AREA: expected an area number from 1 to 21"
    problem = detail(client.post(path, json=SMALLEST_REPORT | {"Date Rptd": "01/14/2023"}))
    assert problem["msg"] == "Date Rptd: expected a date not before DATE OCC"
    if path != "/explain":
        problem = detail(client.post(path, json={"TIME OCC": 1, "AREA": 1}))
        assert (problem["msg"], problem["value"]) == ("DATE OCC: required: DATE OCC is missing", None)


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_not_json_is_named(path: str, client: TestClient) -> None:
    problem = detail(client.post(path, content=b'{"AREA": ', headers=JSON))
    assert problem["type"] == "json_invalid"
    assert problem["msg"].startswith("body: not JSON: ")


def test_values_that_json_can_not_carry_are_shown_as_text(client: TestClient) -> None:
    for value, shown in ((10**20, str(10**20)), ([1], "[1]"), ("x" * 500, "x" * 200), (1.5, 1.5), (True, True)):
        assert detail(client.post("/predict", json=SMALLEST_REPORT | {"AREA": value}))["value"] == shown
    body = json.dumps(SMALLEST_REPORT | {"AREA": math.inf}).encode()
    assert detail(client.post("/predict", content=body, headers=JSON))["value"] == "inf"


def test_a_list_with_an_error_names_row_and_field(client: TestClient) -> None:
    problem = detail(client.post("/predict/batch", json=[SMALLEST_REPORT, SMALLEST_REPORT | {"AREA": 0}]))
    assert (problem["loc"], problem["value"]) == (["body", 1, "AREA"], 0)
    assert detail(client.post("/predict/batch", json=SMALLEST_REPORT))["msg"] == "body: expected a list of reports"


@pytest.mark.parametrize(
    "body",
    [b"", b"x,y\n1,2\n", b"PK\x03\x04", gzip.compress(b"DATE OCC", mtime=0)[:15]],
    ids=["empty", "other columns", "damaged zip", "cut gzip"],
)
def test_an_upload_that_is_no_table_is_named(body: bytes, client: TestClient) -> None:
    assert detail(client.post("/predict/batch", files={"file": ("a.csv", body)}))["field"] == "file"
    assert detail(client.post("/predict/batch", content=body, headers={"content-type": ARROW_TYPE}))["field"] == "file"
    assert detail(client.post("/predict/batch", files={"other": (None, b"x")}))["field"] == "file"


def test_a_table_that_breaks_off_ends_with_the_reason(client: TestClient) -> None:
    rows = b"01/15/2023,1430,1\n" * 30_000
    packed = gzip.compress(b"DATE OCC,TIME OCC,AREA\n" + rows)
    answer = client.post("/predict/batch", content=packed[: len(packed) // 2], headers=CSV)
    assert answer.status_code == 200
    *_, last = csv.DictReader(answer.text.splitlines())
    assert last["error"].startswith("the table ends here: ")
    assert None not in last


def test_the_order_of_dates_is_told_of_csv_alone(client: TestClient) -> None:
    report = {"DATE OCC": "03/02/2020", "TIME OCC": 1430, "AREA": 1}
    answer = client.post("/predict/batch?day_first=true", json=[report])
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["msg"] == (
        "day_first: expected with a CSV table; in JSON and Arrow the month is first"
    )
    table = "DATE OCC,TIME OCC,AREA\n03/02/2020,1430,1\n"
    assert client.post("/predict/batch?day_first=true", content=table, headers=CSV).status_code == 200


def test_a_table_that_lacks_columns_lists_those_it_has_and_is_read_by_a_mapping(client: TestClient) -> None:
    body = "When,Division\n01/23/2020 14:30,1\n"
    problem = detail(client.post("/predict/batch", content=body, headers=CSV))
    assert problem["type"] == "columns"
    assert problem["columns"] == [
        {"name": "When", "example": "01/23/2020 14:30"},
        {"name": "Division", "example": "1"},
    ]
    mapping = json.dumps({"DATE OCC": "When", "TIME OCC": "When", "AREA": "Division"})
    answer = client.post("/predict/batch", params={"columns": mapping}, content=body, headers=CSV)
    assert answer.status_code == 200
    assert json.loads(answer.headers["Columns-Not-Read"]) == []
    listed = client.post("/predict/batch", params={"columns": mapping}, json=[SMALLEST_REPORT])
    assert detail(listed)["msg"].startswith("columns: expected with a CSV table")
    assert detail(client.post("/predict/batch?columns=x", content=body, headers=CSV))["field"] == "columns"


def test_dates_that_may_be_either_are_a_problem_of_their_own_kind(client: TestClient) -> None:
    body = "DATE OCC,TIME OCC,AREA\n03/02/2020,1430,1\n"
    problem = detail(client.post("/predict/batch", content=body, headers=CSV))
    assert (problem["type"], problem["value"]) == ("date_order", "03/02/2020")


def test_the_columns_of_a_table_are_listed_with_those_it_needs_first(client: TestClient) -> None:
    columns = {column["name"]: column for column in client.get("/columns").json()}
    assert list(columns)[:3] == ["DATE OCC", "TIME OCC", "AREA"]
    assert [name for name, column in columns.items() if column["required"]] == ["DATE OCC", "TIME OCC", "AREA"]
    assert columns["Victim Shot"]["systems"] == ["nibrs"]
    assert columns["LAT"]["systems"] == ["legacy", "nibrs"]


def test_what_is_too_large_is_refused(client: TestClient) -> None:
    for path in ("/predict/batch", "/invocations", f"/v2/models/{NAME}/infer", f"/v1/models/{NAME}:predict"):
        assert client.post(path, content=b" " * (2 << 20), headers=JSON).status_code == 413
        assert client.post(path, content=b" " * 200_000, headers=JSON).status_code == 413
        assert client.post(path, content=b"[" + b"1," * 6_000, headers=JSON).status_code == 413
    answer = client.post("/predict/batch", json=[{}] * 101)
    assert (answer.status_code, answer.json()["detail"]) == (
        413,
        "101 reports in one list: at most 100, or send a CSV table",
    )
    assert client.post("/invocations", json={"instances": [{}] * 101}).status_code == 413


def test_without_a_model_every_route_says_so(start_app: Callable[..., TestClient]) -> None:
    client = start_app()
    for path in PATHS:
        answer = client.post(path, content=b"{", headers=JSON)
        if path != "/features":  # FastAPI reads this body before the route is called
            assert answer.status_code == 503
            assert answer.json()["detail"].startswith("no model to answer with: ")
    for path in ("/features", "/codes", "/reports", "/ping", f"/v2/models/{NAME}"):
        assert client.get(path).status_code == 503


@pytest.mark.parametrize("charset", ["punycode", "undefined", "idna", "utf-7", "x" * 100])
def test_a_form_is_in_utf8(client: TestClient, charset: str) -> None:
    """Its names are not decoded by whatever codec of Python's it names: some take minutes, or fail."""
    body = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + csv_body() + b"\r\n--B--\r\n"
    kind = f"multipart/form-data; boundary=B; charset={charset}"
    answer = client.post("/predict/batch", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()) == (400, {"detail": "expected a form in UTF-8"})
    kind = "multipart/form-data; boundary=B; charset=UTF-8"
    assert client.post("/predict/batch", content=body, headers={"content-type": kind}).status_code == 200
