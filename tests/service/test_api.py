"""The backend over HTTP, with the model that users get."""

import csv
import gzip
import io

import httpx
import pytest
from crime.reports.categories import CATEGORY_NAMES
from crime.serving.formats.csv import ADDED_COLUMNS
from harness import Store
from reports import SMALLEST_REPORT


def test_three_fields_are_enough(api: httpx.Client) -> None:
    answer = api.post("/predict", json=SMALLEST_REPORT).raise_for_status().json()
    assert answer["level"] == "place_time"
    assert answer["label_name"] == CATEGORY_NAMES[answer["label"]]
    assert list(answer["probabilities"]) == list(CATEGORY_NAMES)
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert answer["probability"] == max(answer["probabilities"].values())
    assert answer["inference_time_ms"] > 0


def test_the_more_is_known_the_higher_the_level(api: httpx.Client) -> None:
    report: dict[str, object] = dict(SMALLEST_REPORT)
    for name, value, level in (
        ("Premis Cd", 101, "premise"),
        ("Weapon Used Cd", "", "weapon"),
        ("Mocodes", ["0344", "1300"], "report"),
    ):
        report[name] = value
        answer = api.post("/predict", json=report).json()
        assert answer["level"] == level
        assert name not in answer["missing"]


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
    answers = list(csv.DictReader(io.StringIO(as_upload.text)))
    assert len(answers) == 6_002
    assert list(answers[0]) == [*rows[0], *ADDED_COLUMNS]
    assert [row["LOCATION"] for row in answers[:6_000]] == [row["LOCATION"] for row in rows[:6_000]]
    assert answers[6_000]["error"] == "TIME OCC: expected a 24-hour time from 0000 to 2359"
    assert answers[6_001]["error"] == "expected 28 cells, found 3"
    assert sum(row["label_name"] != "" for row in answers) == 6_000
    alone = api.post("/predict", json=rows[17]).json()
    assert answers[17]["label_name"] == alone["label_name"]
    assert float(answers[17]["probability"]) == pytest.approx(alone["probability"], abs=1e-6)


def test_a_line_without_an_end_is_refused(api: httpx.Client) -> None:
    bomb = gzip.compress(b"DATE OCC,TIME OCC,AREA\n" + b"0" * (300 << 20), 1)
    answer = api.post("/predict/batch", files={"file": ("bomb.csv.gz", bomb)})
    assert "a row of more than 262,144 characters" in answer.text
    assert answer.status_code in (200, 422)  # the header was right


def test_the_model_and_its_training_data_are_described(api: httpx.Client, store: Store) -> None:
    model = api.get("/models/crime-category").json()
    assert model["versions"][0]["metrics"]["overall"]["accuracy"] > 0.5
    assert model["serving"]["version"] == store.summary["version"]
    assert model["serving"]["metrics"]["report"]["accuracy"] >= 0.94
    counts = api.get("/reports").json()
    assert counts["total"] == sum(counts["by_month"].values()) == 7_888
    assert sum(map(sum, counts["by_weekday_hour"])) == 7_888
    some = api.get("/reports", params={"area": [1, 2], "category": "sexual", "last": "2020-02"}).json()
    assert 0 < some["total"] < 200
    assert some["total"] == some["by_area"]["1"] + some["by_area"]["2"] == some["by_category"]["sexual crimes"]
    assert api.get("/reports", params={"first": "January"}).status_code == 422


def test_health_docs_and_metrics(api: httpx.Client) -> None:
    for path in ("/", "/health", "/ready", "/docs", "/openapi.json"):
        assert api.get(path).status_code == 200
    counter = 'crime_requests_total{method="POST",route="/predict",status="200"}'
    before = metric(api, counter)
    for _ in range(5):
        api.post("/predict", json=SMALLEST_REPORT)
    assert metric(api, counter) == before + 5
    text = api.get("/metrics").text
    assert "crime_predictions_total{category=" in text
    assert 'crime_model_info{model="crime-category",version="' in text
    assert 'crime_request_seconds_bucket{le="0.005",route="/predict"}' in text


def metric(api: httpx.Client, name: str) -> float:
    """The value of a metric, 0 before it is first set."""
    return next((float(line.split()[-1]) for line in api.get("/metrics").text.splitlines() if line.startswith(name)), 0)
