"""Forecasts are better than baselines, their intervals hold, and commands, HTTP and MLflow serve them alike."""

from functools import partial
from pathlib import Path

import httpx
import mlflow
import numpy as np
import pandas as pd
import pytest
from crime.core.days import day_number
from crime.core.model_names import FORECAST_MODEL
from crime.forecaster.bundle import ForecastBundle
from crime.forecaster.spec import StepLength
from crime.reports.history import EventHistory, read_history
from crime.reports.places import PlaceKind
from crime.reports.tally import Tally
from crime.sample import sample_table
from crime.simulation.city import SimulatedCity
from crime.simulation.settings import CitySettings
from crime.simulation.tables import write_city
from crime.simulation.truth import expected_counts
from crime.training.forecaster.baselines import BASELINES
from crime.training.forecaster.cross_validation import cross_validation
from crime.training.forecaster.forecaster import OUR_METHOD, Forecaster
from crime.training.forecaster.scores import summarise
from harness import EARLY_UNTIL, Store, early_reports, last_json


@pytest.fixture(scope="module")
def real() -> EventHistory:
    """The sample as known at the end of 2023; LAPD moved to NIBRS in March 2024, and the table thins out."""
    with sample_table() as path:
        return read_history(path, Tally()).known_by(day_number("2023-12-31"))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[SimulatedCity, Path]:
    """A simulated city of four and a half years."""
    path = tmp_path_factory.mktemp("city") / "reports.parquet"
    city = SimulatedCity(CitySettings(seed=5, rows=1_000_000))
    write_city(city, path)
    return city, path


@pytest.mark.parametrize(("kind", "step"), [("area", "day"), ("area", "week"), ("district", "week")])
def test_on_real_reports_no_baseline_is_better_and_intervals_hold(
    kind: PlaceKind, step: StepLength, real: EventHistory
) -> None:
    summary = summarise(cross_validation(Forecaster(real, [kind]), kind, step), kind, step)
    assert set(summary.methods) == {*BASELINES, OUR_METHOD}
    ours = summary.methods[OUR_METHOD]
    assert ours.deviance <= 1.005 * min(summary.methods[name].deviance for name in BASELINES)
    assert ours.coverage80 == pytest.approx(0.80, abs=0.02)
    assert ours.coverage95 == pytest.approx(0.95, abs=0.02)
    assert summary.origins >= 5


def test_on_a_simulated_city_most_of_what_can_be_known_is_reached(simulated: tuple[SimulatedCity, Path]) -> None:
    city, path = simulated
    tally = Tally()
    history = read_history(path, tally)
    assert tally.simulated == tally.rows == 1_000_000
    summary = summarise(
        cross_validation(Forecaster(history, ["area"]), "area", "day", partial(expected_counts, city)), "area", "day"
    )
    assert summary.reached
    assert summary.reached >= 0.9
    assert summary.gain >= 0.02
    assert summary.chosen == OUR_METHOD
    assert summary.methods[OUR_METHOD].coverage80 == pytest.approx(0.80, abs=0.02)
    assert summary.methods[OUR_METHOD].coverage95 == pytest.approx(0.95, abs=0.02)


def test_a_gap_of_months_does_not_pull_the_forecast_down(real: EventHistory) -> None:
    gap = (real.occurred > real.first + 180) & (real.occurred < real.first + 260)
    some = real.take(np.flatnonzero(~gap))
    without_gap, with_gap = (Forecaster(history, []).forecast("area", real.last).sum() for history in (real, some))
    assert with_gap == pytest.approx(without_gap, rel=0.15)


# -- as users run it, over HTTP and in MLflow --------------------------------------------------------------------


def test_the_command_ends_with_one_object(store: Store) -> None:
    assert store.forecast["model"] == "crime-risk"
    assert store.forecast["made_at"] == EARLY_UNTIL
    assert len(store.forecast["areas"]["6"]) == 28
    assert set(store.forecast["areas"]["6"][0]) == {"date", "mean", "low80", "high80", "low95", "high95"}


def test_backtest_ends_with_one_object(store: Store) -> None:
    summary = last_json(store.crime("backtest", "--data", early_reports(), "--every", "week", "--json"))
    assert (summary["by"], summary["every"]) == ("area", "week")
    figures = {"deviance", "hit20", "pai20", "pei20", "coverage80", "coverage95"}
    assert all(figures <= set(scores) for scores in summary["methods"].values())
    assert summary["chosen"] in summary["methods"]


def test_mlflow_serves_the_forecast_too(store: Store) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{store.mlruns / 'mlflow.db'}")
    served = mlflow.pyfunc.load_model("models:/crime-risk@champion")
    answer = served.predict(
        pd.DataFrame(
            [{"date": "2020-07-27", "area": 6}, {"date": "2020-07-27", "area": 99}, {"date": "1999-01-01", "area": 6}]
        )
    )
    bundle = ForecastBundle(store.bundle(FORECAST_MODEL))
    expected = bundle.expected("area", np.array([1]))[bundle.index_of("area", 6), 0]
    assert answer["mean"][0] == pytest.approx(expected)
    assert answer["error"].notna().tolist() == [False, True, True]


def test_forecast_over_http(api: httpx.Client, store: Store) -> None:
    answer = api.get("/forecast", params={"area": 6, "horizon": 7}).raise_for_status().json()
    assert answer["days"][0]["date"] == "2020-07-26"
    assert len(answer["days"]) == 7
    assert answer["days"][0]["mean"] == store.forecast["areas"]["6"][0]["mean"]
    assert answer["place"] == "Hollywood"
    assert not answer["simulated"]
    assert len(answer["before"]) == 28
    for day in answer["days"]:
        assert 0 <= day["low95"] <= day["low80"] <= day["mean"] + 1
        assert day["mean"] - 1 <= day["high80"] <= day["high95"]
    categories = list(api.get("/models/crime-category").json()["serving"]["categories"])
    parts = [api.get("/forecast", params={"area": 6, "category": c}).json()["total"] for c in categories]
    whole = api.get("/forecast", params={"area": 6}).json()["total"]
    assert sum(parts) == pytest.approx(whole, abs=0.02)
    shifts = [api.get("/forecast", params={"shift": s}).json()["total"] for s in range(3)]
    assert sum(shifts) == pytest.approx(api.get("/forecast").json()["total"], abs=0.02)


def test_hotspots_over_http(api: httpx.Client) -> None:
    parameters: dict[str, str | int] = {"on": "2020-08-03", "top": 5, "area": 6}
    places = api.get("/hotspots", params=parameters).raise_for_status().json()["places"]
    means = [place["mean"] for place in places]
    assert means == sorted(means, reverse=True)
    assert {place["area"] for place in places} == {6}
    assert [place["rank"] for place in places] == [1, 2, 3, 4, 5]


def test_features_of_a_place_over_http(api: httpx.Client) -> None:
    answer = api.get("/features/area/6").raise_for_status().json()
    early = read_history(early_reports(), Tally())
    counted = (early.area == 6) & (early.known <= early.last) & (early.occurred > early.last - 28)
    assert answer["features"]["reports_28d"] == int(counted.sum())
    assert api.get("/features/district/9999").status_code == 404
    assert api.get("/features/planet/1").status_code == 422
    declared = {feature["name"]: feature for feature in api.get("/features").json()["features"]}
    assert declared["reports_7d"]["entity"] == ["area", "district"]
    assert set(answer["features"]) <= set(declared)
