"""Record review over HTTP: ranked tables and decisions."""

import csv
import gzip
import io
from collections.abc import Callable

import pytest
from crime.classifier.bundle import CategoryBundle
from memory_registry import MemoryRegistry
from reviewed import sample_rows
from starlette.testclient import TestClient

DECISION = {
    "number": "200106753",
    "code": "624",
    "judgement": "wrong",
    "right_code": "230",
    "note": "a gun was shown",
    "by": "Ada",
}


@pytest.fixture
def client(start_app: Callable[..., TestClient], registry: MemoryRegistry, small_bundle: CategoryBundle) -> TestClient:
    registry.register("crime-category", small_bundle.directory, "champion")
    return start_app()


@pytest.fixture(scope="module")
def table() -> bytes:
    content: str = sample_rows().to_csv(index=False)
    return content.encode()


def test_the_most_doubtful_records_come_first(client: TestClient, table: bytes) -> None:
    answer = client.post("/review?top=20", content=table).json()
    records = answer["records"]
    assert [record["rank"] for record in records] == list(range(1, 21))
    assert [record["doubt"] for record in records] == sorted((record["doubt"] for record in records), reverse=True)
    rows = list(csv.DictReader(io.StringIO(table.decode())))
    for record in records:
        assert rows[record["row"] - 1]["DR_NO"] == record["number"]
        assert rows[record["row"] - 1]["Crm Cd"] == record["recorded"]["code"]
    assert answer["rows"] == len(rows) == answer["reviewed"] + answer["unknown_code"]
    assert client.post("/review?top=20", content=gzip.compress(table)).json() == answer


def test_records_that_the_model_learnt_from_are_counted(
    client: TestClient, table: bytes, small_bundle: CategoryBundle
) -> None:
    answer = client.post("/review", content=table).json()
    assert answer["trained_until"] == small_bundle.spec.data.until
    assert 0 < answer["seen"] <= answer["reviewed"]
    assert answer["expected"] == []  # their own codes have shaped the probabilities
    assert all(record["is_seen"] == (record["date"] <= answer["trained_until"]) for record in answer["records"])


def test_rejected_rows_are_counted_with_their_reasons(client: TestClient, table: bytes) -> None:
    lines = table.decode().splitlines()
    broken = "\n".join([*lines[:50], "1,2,3", *lines[50:100]])
    answer = client.post("/review", content=broken).json()
    assert answer["rows"] == 100
    assert sum(answer["rejected"].values()) == 1
    rows = list(csv.DictReader(io.StringIO(broken)))
    assert all(rows[record["row"] - 1]["DR_NO"] == record["number"] for record in answer["records"])


@pytest.mark.parametrize("rows", [1, 19, 20])
def test_few_records_are_reviewed(client: TestClient, table: bytes, rows: int) -> None:
    lines = table.decode().splitlines()
    answer = client.post("/review", content="\n".join(lines[: rows + 1])).json()
    assert answer["reviewed"] + answer["unknown_code"] == rows
    assert sum(answer["kinds"].values()) == 1


def test_what_the_client_can_mend_is_told_by_type(client: TestClient, table: bytes) -> None:
    renamed = table.replace(b"DATE OCC", b"When", 1)
    assert client.post("/review", content=renamed).json()["detail"][0]["type"] == "columns"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"DATE OCC,TIME OCC,AREA\n2020-01-01,1200,1\n", "Crm Cd"),
        (b"a,b\n1,2\n", "not an LAPD table"),
        (b"PK\x03\x04 no archive", "file"),
    ],
)
def test_what_is_no_table_of_records_is_refused(client: TestClient, content: bytes, expected: str) -> None:
    answer = client.post("/review", content=content)
    assert answer.status_code == 422
    assert expected in str(answer.json()["detail"])


def test_decisions_are_kept_and_exported(client: TestClient) -> None:
    kept = client.post("/review/decisions", json=DECISION)
    assert kept.status_code == 201
    assert kept.json() == DECISION | {"system": "legacy", "at": kept.json()["at"]}
    client.post("/review/decisions", json=DECISION | {"judgement": "right", "right_code": None, "note": "=1+1"})
    listed = client.get("/review/decisions").json()
    assert [decision["judgement"] for decision in listed] == ["wrong", "right"]
    rows = list(csv.DictReader(io.StringIO(client.get("/review/decisions.csv").text)))
    assert [row["judgement"] for row in rows] == ["wrong", "right"]
    assert rows[1]["note"] == "'=1+1"  # no spreadsheet runs it


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code": "999999"}, "code"),
        ({"right_code": "624"}, "right_code"),
        ({"judgement": "right"}, "right_code"),
        ({"judgement": "maybe"}, "judgement"),
        ({"by": ""}, "by"),
        ({"number": ""}, "number"),
        ({"note": "x" * 1001}, "note"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(client: TestClient, changes: dict[str, str], field: str) -> None:
    answer = client.post("/review/decisions", json=DECISION | changes)
    assert answer.status_code == 422
    assert field in str(answer.json()["detail"])
    assert client.get("/review/decisions").json() == []


def test_decisions_wait_for_the_registry(client: TestClient, registry: MemoryRegistry) -> None:
    registry.reachable = False
    assert client.post("/review/decisions", json=DECISION).status_code == 503
    assert client.get("/review/decisions").status_code == 503
