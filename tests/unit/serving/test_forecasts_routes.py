"""Forecast routes, on a forecast of two areas and three districts written by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest
from memory_registry import MemoryRegistry
from starlette.testclient import TestClient
from written_forecast import ORIGIN, WIDTHS, write_forecast


@pytest.fixture
def client(start_app: Callable[..., TestClient], registry: MemoryRegistry, tmp_path: Path) -> TestClient:
    registry.register("crime-risk", write_forecast(tmp_path / "forecast"), "champion")
    return start_app()


def test_the_city_by_day_with_intervals_and_what_came_of_the_forecast_before(client: TestClient) -> None:
    answer = client.get("/forecast").json()
    assert (answer["model_name"], answer["model_version"]) == ("crime-risk", "1")
    assert (answer["made_at"], answer["simulated"], answer["place"]) == ("2020-12-31", True, "Los Angeles")
    assert len(answer["days"]) == 28
    assert answer["days"][0] == {
        "date": "2021-01-01", "mean": 30, "low80": 28, "high80": 32, "low95": 26, "high95": 34,
    }  # fmt: skip
    assert answer["days"][-1]["date"] == "2021-01-28"
    assert answer["total"] == 28 * 30
    assert (answer["recent"][0]["date"], answer["recent"][-1]) == ("2020-10-02", {"date": "2020-12-31", "reports": 90})
    assert answer["before"][0] == {
        "date": "2020-12-04", "mean": 20, "low80": 18, "high80": 22, "low95": 16, "high95": 24, "reports": 21,
    }  # fmt: skip
    assert answer["before"][-1]["date"] == "2020-12-31"


@pytest.mark.parametrize(
    ("parameters", "mean", "width"),
    [
        ({}, 20, WIDTHS["all"]),
        ({"shift": 1}, 20 / 3, WIDTHS["shift"]),
        ({"category": "theft_burglary"}, 20, WIDTHS["category"]),
        ({"category": "fraud_forgery"}, 0, WIDTHS["category"]),
        ({"category": "theft_burglary", "shift": 1}, 20 / 3, WIDTHS["both"]),
    ],
)
def test_a_part_of_an_areas_reports_has_intervals_of_its_own(
    parameters: dict[str, str | int], mean: float, width: float, client: TestClient
) -> None:
    answer = client.get("/forecast", params={"area": 6, "horizon": 7, **parameters}).json()
    assert answer["place"] == "Hollywood"
    assert [day["mean"] for day in answer["days"]] == pytest.approx([mean] * 7, abs=1e-4)
    assert answer["days"][0]["high80"] == round(mean + width)
    assert answer["total_range"]["high80"] == round(7 * mean + 7 * width)
    assert answer["before"] == []  # the city's alone


def test_the_past_is_told_of_the_shift_and_category_that_are_asked_for(client: TestClient) -> None:
    theft = client.get("/forecast?category=theft_burglary").json()
    assert {day["reports"] for day in theft["recent"]} == {3}  # one in each shift
    assert (theft["before"][0]["mean"], theft["before"][0]["reports"]) == (20, 3)
    night = client.get("/forecast?category=theft_burglary&shift=0").json()
    assert {day["reports"] for day in night["recent"]} == {1}
    assert night["before"][0]["mean"] == pytest.approx(20 / 3, abs=1e-3)


@pytest.mark.parametrize(("period", "days"), [("day", 1), ("week", 7), ("four_weeks", 28)])
def test_hotspots_of_a_period_add_up_with_ranges_of_their_own(period: str, days: int, client: TestClient) -> None:
    answer = client.get("/hotspots", params={"period": period, "by": "area"}).json()
    assert (answer["on"], answer["until"]) == ("2021-01-01", f"2021-01-{days:02}")
    first = answer["places"][0]
    assert (first["mean"], first["low80"], first["high80"]) == (20 * days, 18 * days, 22 * days)
    assert first["located"] == 40
    assert answer["table"] == {
        "reports": 1, "first": "2020-01-01", "last": "2020-12-31", "per_day": 0, "usual_per_day": 600,
    }  # fmt: skip


def test_a_forecast_of_an_earlier_release_has_ranges_of_days_alone(
    start_app: Callable[..., TestClient], registry: MemoryRegistry, tmp_path: Path
) -> None:
    directory = write_forecast(tmp_path / "forecast", earlier_release=True)
    registry.register("crime-risk", directory, "champion")
    client = start_app()
    assert client.get("/hotspots").json()["places"][0]["located"] is None
    refused = client.get("/hotspots?period=week")
    assert refused.status_code == 404
    assert "of an earlier release and has ranges of one day alone" in refused.json()["detail"]
    theft = client.get("/forecast?category=theft_burglary").json()
    assert (theft["total_range"], theft["recent"], theft["before"]) == (None, [], [])


def test_a_district_goes_before_an_area(client: TestClient) -> None:
    answer = client.get("/forecast", params={"area": 6, "district": 101, "horizon": 1}).json()
    assert (answer["place"], answer["total"]) == ("District 0101", 10)


@pytest.mark.parametrize(
    "path", ["/forecast?area=7", "/forecast?district=9", "/features/area/7", "/features/district/1"]
)
def test_a_place_without_reports_is_404(path: str, client: TestClient) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "no report of it in the table" in answer.json()["detail"]


def test_hotspots_are_ranked_by_expected_reports(client: TestClient) -> None:
    answer = client.get("/hotspots", params={"on": "2021-01-05"}).json()
    assert (answer["on"], answer["first"], answer["last"]) == ("2021-01-05", "2021-01-01", "2021-01-28")
    assert [(place["rank"], place["id"], place["mean"]) for place in answer["places"]] == [
        (1, 602, 15),
        (2, 101, 10),
        (3, 601, 5),
    ]
    first, second, _ = answer["places"]
    assert (first["name"], first["area"], first["latitude"], first["longitude"]) == ("District 0602", 6, None, None)
    assert (second["latitude"], second["longitude"]) == (34.05, -118.25)
    assert (first["low80"], first["high95"]) == (13, 19)


def test_hotspots_of_one_area_or_by_area(client: TestClient) -> None:
    assert [place["id"] for place in client.get("/hotspots?area=6").json()["places"]] == [602, 601]
    assert [place["id"] for place in client.get("/hotspots?top=1").json()["places"]] == [602]
    assert [place["name"] for place in client.get("/hotspots?by=area").json()["places"]] == ["Hollywood", "Central"]


@pytest.mark.parametrize(
    ("path", "field", "says"),
    [
        ("/forecast?area=22", "area", "less than or equal to 21"),
        ("/forecast?horizon=0", "horizon", "greater than or equal to 1"),
        ("/forecast?horizon=400", "horizon", "less than or equal to 28"),
        ("/forecast?category=murder", "category", "expected one of fraud_forgery"),
        ("/hotspots?category=murder", "category", "expected one of fraud_forgery"),
        ("/hotspots?on=2030-01-01", "on", "from 2021-01-01 to 2021-01-28"),
        ("/hotspots?on=2020-12-31", "on", "from 2021-01-01 to 2021-01-28"),
        ("/hotspots?on=2021-01-23&period=week", "on", "to 2021-01-22, from which on the forecast covers 7 days"),
        ("/hotspots?on=tomorrow", "on", "expected a day as"),
    ],
)
def test_a_wrong_parameter_is_named(path: str, field: str, says: str, client: TestClient) -> None:
    answer = client.get(path)
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert problem["field"] == field
    assert says in problem["msg"]


def test_features_of_a_place_have_the_forecasts_version(client: TestClient) -> None:
    answer = client.get("/features/area/6").json()
    assert (answer["entity"], answer["id"], answer["model_version"]) == ("area", 6, "1")
    assert answer["features"] == {"reports_7d": 140}
    assert client.get("/features/planet/1").status_code == 422


def test_places_of_sexual_crimes_are_told_no_finer_than_their_area(client: TestClient) -> None:
    assert client.get("/forecast", params={"area": 6, "category": "sexual"}).status_code == 200
    assert client.get("/hotspots", params={"by": "area", "category": "sexual"}).status_code == 200
    for path, place in (("/forecast", {"district": 101}), ("/hotspots", {"by": "district"})):
        answer = client.get(path, params={**place, "category": "sexual"})
        assert answer.status_code == 422
        assert "no finer than their area" in answer.text


def test_a_forecast_older_than_its_reports_usual_lag_says_so(
    start_app: Callable[..., TestClient], registry: MemoryRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register("crime-risk", write_forecast(tmp_path / "forecast", simulated=0, share=0.01), "champion")
    client = start_app()
    monkeypatch.setattr("crime.serving.payloads.forecasts.today", lambda: ORIGIN + 26)
    answer = client.get("/forecast").json()
    assert (answer["warning"], answer["share"]) == (None, 0.01)
    assert answer["recent"] == answer["before"] == []  # of a draw: a day has few reports
    monkeypatch.setattr("crime.serving.payloads.forecasts.today", lambda: ORIGIN + 30)
    assert client.get("/hotspots").json()["warning"] == (
        "made from reports until 2020-12-31, 30 days ago, and the days it covers ended on 2021-01-28; "
        "usual are about 12 days, and at most 26 before LAPD's next update"
    )
