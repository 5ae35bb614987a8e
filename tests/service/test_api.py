"""The backend over HTTP."""

import csv
import gzip
import io
from typing import Any

import httpx
import pytest
from crime.classifier.scoring import ANSWER_COLUMNS
from crime.reports.categories import CATEGORY_NAMES
from crime.serving.payloads.report import EXAMPLE_REPORT
from harness import LEAST


def test_three_fields_are_enough(api: httpx.Client) -> None:
    answer = api.post("/predict", json=LEAST).raise_for_status().json()
    assert answer["level"] == "place_time"
    assert answer["label_name"] == CATEGORY_NAMES[answer["label"]]
    assert list(answer["probabilities"]) == list(CATEGORY_NAMES)
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert answer["probability"] == max(answer["probabilities"].values())
    assert set(answer["missing"]) == {
        "Date Rptd", "Rpt Dist No", "Premis Cd", "Weapon Used Cd", "Mocodes", "LAT", "LON",
    }  # fmt: skip
    assert answer["model_name"] == "crime-category"
    assert answer["inference_time_ms"] > 0


def test_the_more_is_known_the_higher_the_level(api: httpx.Client) -> None:
    report: dict[str, Any] = dict(LEAST)
    for field, value, level in (
        ("Premis Cd", 101, "premise"),
        ("Weapon Used Cd", "", "weapon"),
        ("Mocodes", ["0344", "1300"], "report"),
    ):
        report[field] = value
        answer = api.post("/predict", json=report).json()
        assert answer["level"] == level
        assert field not in answer["missing"]


def test_dialects_of_a_payload_are_one(api: httpx.Client) -> None:
    snake = {"date_occ": "2023-01-15", "time_occ": "1430", "area": "01", "premis_cd": "101.0", "mocodes": "344 1300"}
    lapd = LEAST | {"Premis Cd": 101, "Mocodes": "0344 1300", "Status": "AA", "Crm Cd": 624, "Vict Age": 30}
    a, b = (api.post("/predict", json=payload).json() for payload in (snake, lapd))
    assert a["probabilities"] == b["probabilities"]


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"TIME OCC": 2530}, "TIME OCC", "24-hour time"),
        ({"TIME OCC": True}, "TIME OCC", "a string or a number"),
        ({"AREA": 22}, "AREA", "area number from 1 to 21"),
        ({"DATE OCC": "15.01.2023"}, "DATE OCC", "a date as"),
        ({"DATE OCC": "01/15/2999"}, "DATE OCC", "a year from 1900 to 2100"),
        ({"DATE OCC": None}, "DATE OCC", "required"),
        ({"Premis Cd": "street"}, "Premis Cd", "a whole number"),
        ({"Mocodes": "abc"}, "Mocodes", "four digits"),
        ({"LAT": 51.5}, "LAT", "a latitude in Los Angeles"),
        ({"LON": {"deg": 1}}, "LON", "a string or a number"),
        ({"Date Rptd": "01/14/2023"}, "Date Rptd", "not before DATE OCC"),
    ],
)
def test_wrong_input_names_field_value_and_expectation(
    change: dict[str, Any], field: str, expected: str, api: httpx.Client
) -> None:
    response = api.post("/predict", json=LEAST | change)
    assert response.status_code == 422
    (problem,) = response.json()["detail"]
    assert problem["field"] == field
    assert expected in problem["msg"]
    if field != "Date Rptd" and not isinstance(change[field], dict):
        assert problem["value"] == change[field]


def test_what_is_no_report_at_all_is_422(api: httpx.Client) -> None:
    surrogate = '{"AREA": "\ud800"}'.encode("utf-8", "surrogatepass")
    for body in (b"", b"{", b"[]", b"3", b'{"AREA": NaN}', b'{"AREA": 1e999}', surrogate):
        response = api.post("/predict", content=body, headers={"content-type": "application/json"})
        assert response.status_code == 422, body
        assert response.json()["detail"][0]["msg"]
    missing = api.post("/predict", json={"AREA": 3}).json()["detail"]
    assert {problem["field"] for problem in missing} == {"DATE OCC", "TIME OCC"}


def test_codes_nobody_knows_are_named_and_not_used(api: httpx.Client) -> None:
    answer = api.post("/predict", json=LEAST | {"Premis Cd": 999, "Mocodes": "0344 9998"}).json()
    assert answer["unknown_codes"] == ["Premis Cd 999", "Mocodes 9998"]
    assert "Premis Cd" in answer["missing"]


def test_a_list_is_answered_as_each_alone(api: httpx.Client) -> None:
    reports = [LEAST, EXAMPLE_REPORT, LEAST | {"AREA": 12, "Premis Cd": 501}]
    together = api.post("/predict/batch", json=reports).raise_for_status().json()
    for report, answer in zip(reports, together, strict=True):
        alone = api.post("/predict", json=report).json()
        assert {**answer, "inference_time_ms": 0} == {**alone, "inference_time_ms": 0}
    assert api.post("/predict/batch", json=[]).json() == []
    wrong = api.post("/predict/batch", json=[LEAST, LEAST | {"AREA": 0}]).json()["detail"]
    assert wrong[0]["loc"] == ["body", 1, "AREA"]


def test_an_uploaded_table_comes_back_whole(api: httpx.Client, rows: list[dict[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows([*rows[:6_000], rows[0] | {"TIME OCC": "noon"}])
    body = text.getvalue().encode() + b"three,cells,only\r\n"
    as_upload = api.post("/predict/batch", files={"file": ("reports.csv", body)})
    as_body = api.post("/predict/batch", content=body, headers={"content-type": "text/csv"})
    packed = api.post("/predict/batch", files={"file": ("reports.csv.gz", gzip.compress(body))})
    assert as_upload.raise_for_status().content == as_body.content == packed.content
    assert as_upload.headers["content-type"].startswith("text/csv")
    found = list(csv.DictReader(io.StringIO(as_upload.text)))
    assert len(found) == 6_002
    assert list(found[0]) == [*rows[0], *ANSWER_COLUMNS]
    assert [row["LOCATION"] for row in found[:6_000]] == [row["LOCATION"] for row in rows[:6_000]]
    assert found[6_000]["error"] == "TIME OCC: expected a 24-hour time from 0000 to 2359"
    assert found[6_001]["error"] == "expected 28 cells, found 3"
    right = sum(row["label_name"] != "" for row in found)
    assert right == 6_000
    one = api.post("/predict", json=rows[17]).json()
    assert found[17]["label_name"] == one["label_name"]
    assert float(found[17]["probability"]) == pytest.approx(one["probability"], abs=1e-6)


def test_a_line_without_an_end_is_refused(api: httpx.Client) -> None:
    bomb = gzip.compress(b"DATE OCC,TIME OCC,AREA\n" + b"0" * (300 << 20))
    answer = api.post("/predict/batch", files={"file": ("bomb.csv.gz", bomb)})
    assert "characters or more" in answer.text
    assert answer.status_code in (200, 422)  # the header was right


def test_no_cell_comes_back_as_a_formula(api: httpx.Client) -> None:
    cells = ["=1+1", "@SUM(A1)", "+1+cmd|' /C calc'!A0", "-2+3", "\t=1", "-118.25", "+1.5", "a=b", "'=1"]
    lines = [f'01/02/2020,1200,3,"{cell}"' for cell in cells]
    body = "\n".join(["DATE OCC,TIME OCC,AREA,=HYPERLINK", *lines])
    answer = api.post("/predict/batch", content=body, headers={"content-type": "text/csv"}).raise_for_status()
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["'=HYPERLINK"] for row in found] == [f"'{cell}" for cell in cells[:5]] + cells[5:]
    assert {row["error"] for row in found} == {""}


def test_an_upload_that_is_no_table_is_422(api: httpx.Client) -> None:
    for files in ({"file": ("a.csv", b"x,y\n1,2\n")}, {"file": ("a.csv", b"")}, {"other": (None, b"x")}):
        response = api.post("/predict/batch", files=files)
        assert response.status_code == 422
        assert response.json()["detail"][0]["field"] == "file"


def test_an_explanation_adds_up_and_reads_well(api: httpx.Client) -> None:
    answer = api.post("/explain", json=EXAMPLE_REPORT | {"Date Rptd": "01/16/2023"}).raise_for_status().json()
    fields = {reason["field"]: reason for reason in answer["reasons"]}
    assert {"AREA", "TIME OCC", "Premis Cd", "Weapon Used Cd", "Mocodes 0344", "Mocodes 1822"} <= set(fields)
    assert fields["Weapon Used Cd"]["text"].startswith(
        "Weapon: STRONG-ARM (HANDS, FIST, FEET OR BODILY FORCE), speaks "
    )
    assert fields["Date Rptd"]["value"] == "1 day later"
    assert fields["DATE OCC"]["value"] == "Sunday, 2023-01-15"
    raw = dict(answer["start"])
    for reason in answer["reasons"]:
        for name, push in reason["log_odds"].items():
            raw[name] += push
    assert max(raw, key=lambda name: raw[name]) == answer["label_name"]


def test_models_features_codes_and_reports(api: httpx.Client) -> None:
    assert api.get("/models").json()["models"][0]["aliases"]["champion"]
    model = api.get("/models/crime-category").json()
    assert model["versions"][0]["metrics"]["overall"]["accuracy"] > 0.5
    assert model["serving"]["metrics"]["report"]["accuracy"] >= 0.94
    assert api.get("/models/other").status_code == 404
    features = api.get("/features").json()["features"]
    assert features[0] == features[0] | {"name": "area", "source": ["AREA"], "use": "at every level"}
    codes = api.get("/codes").json()
    assert codes["premis"][0]["name"] == "STREET"
    assert len(codes["area"]) == 21
    everything = api.get("/reports").json()
    assert everything["total"] == sum(everything["by_month"].values()) == 7_888
    assert sum(map(sum, everything["by_weekday_hour"])) == 7_888
    some = api.get("/reports", params={"area": [1, 2], "category": "sexual", "last": "2020-02"}).json()
    assert 0 < some["total"] < 200
    assert some["total"] == some["by_area"]["1"] + some["by_area"]["2"] == some["by_category"]["sexual crimes"]
    assert api.get("/reports", params={"first": "January"}).status_code == 422


def test_health_docs_and_metrics(api: httpx.Client) -> None:
    for path in ("/", "/health", "/ready", "/docs", "/openapi.json"):
        assert api.get(path).status_code == 200
    before = _metric(api, 'crime_requests_total{method="POST",route="/predict",status="200"}')
    for _ in range(5):
        api.post("/predict", json=LEAST)
    assert _metric(api, 'crime_requests_total{method="POST",route="/predict",status="200"}') == before + 5
    text = api.get("/metrics").text
    assert "crime_predictions_total{category=" in text
    assert 'crime_model_info{model="crime-category",version="' in text
    assert 'crime_request_seconds_bucket{le="0.005",route="/predict"}' in text


def _metric(api: httpx.Client, name: str) -> float:
    return next((float(line.split()[-1]) for line in api.get("/metrics").text.splitlines() if line.startswith(name)), 0)
