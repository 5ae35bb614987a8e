"""Routes of the latest weeks, on a forecast written by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from memory_registry import MemoryRegistry
from starlette.testclient import TestClient
from written_forecast import write_forecast


@pytest.fixture
def client(start_app: Callable[..., TestClient], registry: MemoryRegistry, tmp_path: Path) -> TestClient:
    registry.register("crime-risk", write_forecast(tmp_path / "forecast"), "champion")
    return start_app()


def row(client: TestClient, **parameters: str | int) -> dict[str, Any]:
    """The one row that these parameters choose."""
    answer = client.get("/compstat", params=parameters).json()
    (only,) = answer["rows"]
    assert isinstance(only, dict)
    return only


def test_counts_beside_the_week_before_and_a_year_before(client: TestClient) -> None:
    answer = client.get("/compstat").json()
    assert (answer["model_version"], answer["made_at"], answer["simulated"]) == ("1", "2020-12-31", True)
    assert answer["now"] == {"first": "2020-12-25", "last": "2020-12-31", "days": 7}
    assert answer["before"]["last"] == "2020-12-24"
    assert answer["year_before"]["first"] == "2019-12-27"
    assert len(answer["rows"]) == 3 * 8
    assert [(one["place"], one["category"]) for one in answer["rows"][:2]] == [
        ("Los Angeles", None),
        ("Los Angeles", "fraud_forgery"),
    ]
    hollywood = row(client, area=6, category="all")
    assert hollywood["now"] == {"reports": 50, "corrected": 55, "low": 50, "high": 62.5}
    assert hollywood["year_before"]["reports"] == 25
    assert hollywood["to_before"] == {"ratio": 1, "low": 0.5, "high": 1.5, "p": 0.9, "marked": False}
    assert hollywood["to_year_before"] == {"ratio": 2, "low": 1.2, "high": 3.5, "p": 0.004, "marked": False}


def test_a_ratio_to_no_report_has_no_upper_bound(client: TestClient) -> None:
    assert row(client, area=0, category="all")["to_year_before"] == {
        "ratio": None, "low": 20, "high": None, "p": 1e-9, "marked": True,
    }  # fmt: skip


def test_a_time_that_the_table_does_not_cover_is_left_out(client: TestClient) -> None:
    year = row(client, area=1, category="all", period="year_to_date")
    assert year["now"]["reports"] == 20 * 52
    assert year["before"]["reports"] == 20 * 52
    assert (year["year_before"], year["to_year_before"]) == (None, None)
    assert client.get("/compstat?period=year_to_date").json()["year_before"]["days"] == 0


def test_rows_are_chosen_by_area_and_category(client: TestClient) -> None:
    assert len(client.get("/compstat?area=6").json()["rows"]) == 8
    thefts = client.get("/compstat?category=theft_burglary").json()["rows"]
    assert [(one["area"], one["category"]) for one in thefts] == [(a, "theft_burglary") for a in (0, 1, 6)]
    assert row(client, area=6, category="sexual")["place"] == "Hollywood"


def test_a_year_of_weeks_with_the_range_that_was_given(client: TestClient) -> None:
    answer = client.get("/weeks", params={"area": 6, "category": "theft_burglary"}).json()
    assert (answer["place"], answer["category"], len(answer["weeks"])) == ("Hollywood", "theft_burglary", 52)
    assert answer["weeks"][-1] == {"last": "2020-12-31", "reports": 7, "expected": 8, "low95": 5, "high95": 11}
    assert answer["weeks"][0] == {"last": "2020-01-09", "reports": 7, "expected": None, "low95": None, "high95": None}
    assert client.get("/weeks").json()["place"] == "Los Angeles"


def test_what_is_unusual_is_ranked_with_what_chance_explains_apart(client: TestClient) -> None:
    answer = client.get("/unusual").json()
    assert answer["looked_at"] == 27
    first, second = answer["places"]
    assert first == {
        "kind": "area", "id": 6, "place": "Hollywood", "area": 6, "category": "theft_burglary", "days": 7,
        "reports": 60, "expected": 38.2, "low95": 26, "high95": 51, "p": 0.00001, "alarm": True,
    }  # fmt: skip
    assert (second["place"], second["area"], second["category"], second["alarm"]) == ("District 0101", 1, None, False)


@pytest.mark.parametrize("path", ["/compstat", "/weeks", "/unusual"])
def test_a_forecast_of_an_earlier_release_says_what_to_do(
    path: str, start_app: Callable[..., TestClient], registry: MemoryRegistry, tmp_path: Path
) -> None:
    registry.register("crime-risk", write_forecast(tmp_path / "earlier", earlier_release=True), "champion")
    answer = start_app().get(path)
    assert answer.status_code == 404
    assert "`crime forecast` or `crime retrain` makes one" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/compstat?area=7", 404, "area 7: no report of it"),
        ("/weeks?area=7", 404, "area 7: no report of it"),
        ("/compstat?area=22", 422, "less than or equal to 21"),
        ("/compstat?category=murder", 422, "expected one of fraud_forgery"),
        ("/weeks?category=murder", 422, "expected one of fraud_forgery"),
        ("/compstat?period=decade", 422, "week"),
    ],
)
def test_a_wrong_parameter_is_named(path: str, status: int, says: str, client: TestClient) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert says in answer.text


def test_without_a_forecast_it_says_so(start_app: Callable[..., TestClient]) -> None:
    assert start_app().get("/unusual").status_code == 503
