"""A forecast bundle: read as it was written, refused if damaged, and what it says of places, shifts and categories."""

import json
from pathlib import Path

import numpy as np
import pytest
from crime.core.bundle_files import SPEC_FILE, Versions, file_hashes, write_spec
from crime.core.errors import BundleError
from crime.forecaster.arrays import CUTS, HORIZON_DAYS, PERIOD_DAYS, ForecastArrays, PlaceForecasts
from crime.forecaster.bundle import ForecastBundle
from crime.forecaster.spec import ARRAYS_FILE, FEATURES_FILE, BacktestSummary, ForecastData, ForecastSpec, MethodScores
from crime.reports.categories import CATEGORIES
from histories import MONDAY

ORIGIN = MONDAY - 1  # a Sunday: day 0 of the horizon is a Monday
GRID = np.array([0.0, 10.0, 100.0], np.float32)
SCORES = MethodScores(**dict.fromkeys(MethodScores.model_fields, 0.5))


def place_forecasts(ids: list[int], area: list[int], past: bool) -> PlaceForecasts:
    rng = np.random.default_rng(len(ids))
    share = rng.random((len(ids), 7, 3, 7))
    flat = np.full((len(ids), HORIZON_DAYS), 2.0, np.float32)
    return PlaceForecasts(
        ids=np.array(ids, np.int32),
        area=np.array(area, np.int32),
        mean=rng.gamma(2, 2, (len(ids), HORIZON_DAYS)).astype(np.float32),
        share=(share / share.sum((2, 3), keepdims=True)).astype(np.float32),
        centre=np.full((len(ids), 2), [34.0, -118.0], np.float32),
        recent=np.ones((len(ids), 91), np.int32),
        intervals={
            (cut, days): np.outer([0.5, 2, 0.25, 3], GRID + days * i).astype(np.float32)
            for i, cut in enumerate(CUTS)
            for days in PERIOD_DAYS.values()
        },
        past=flat if past else None,
        outcome=flat.astype(np.int32) if past else None,
    )


def write_bundle(directory: Path, arrays: ForecastArrays) -> Path:
    directory.mkdir()
    arrays.write(directory / ARRAYS_FILE)
    (directory / FEATURES_FILE).write_text(json.dumps({"area": {"1": {"reports_7d": 4}}}))
    summary = BacktestSummary(by="area", every="day", origins=9, methods={"ours": SCORES}, chosen="ours", gain=0.1)
    data = ForecastData(
        reports=10,
        first_day="2020-01-01",
        until="2020-02-09",
        rows=10,
        simulated=0,
        repaired={},
        rejected={"no date": 1},
        examples={"no date": [(3, "")]},
    )
    spec = ForecastSpec(
        model="crime-risk",
        version="unregistered",
        origin=ORIGIN,
        past_origin=ORIGIN - 28,
        backtest={"area": summary},
        data=data,
        versions=Versions(python="3", lightgbm="4", numpy="2"),
        sha256=file_hashes(directory, (ARRAYS_FILE, FEATURES_FILE)),
    )
    write_spec(directory, spec)
    return directory


@pytest.fixture
def arrays() -> ForecastArrays:
    return ForecastArrays(
        GRID,
        {
            "city": place_forecasts([0], [0], past=True),
            "area": place_forecasts([1, 6], [1, 6], past=True),
            "district": place_forecasts([101, 102, 601], [1, 1, 6], past=False),
        },
    )


@pytest.fixture
def bundle(arrays: ForecastArrays, tmp_path: Path) -> ForecastBundle:
    return ForecastBundle(write_bundle(tmp_path / "bundle", arrays))


def test_arrays_are_read_as_they_were_written(arrays: ForecastArrays, tmp_path: Path) -> None:
    arrays.write(tmp_path / "first.npz")
    read = ForecastArrays.read((tmp_path / "first.npz").read_bytes())
    assert list(read.places) == ["city", "area", "district"]
    for kind, places in read.places.items():
        for name, values in places.entries(kind).items():
            np.testing.assert_array_equal(values, arrays.places[kind].entries(kind)[name])
    read.write(tmp_path / "second.npz")
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()


def test_entries_have_the_names_that_are_stored(arrays: ForecastArrays) -> None:
    tables = [cut if days == 1 else f"{cut}_{days}" for cut in CUTS for days in (1, 7, 28)]
    names = ["ids", "area", "mean", "share", "centre", "recent", "past", "outcome", *tables]
    assert set(arrays.places["area"].entries("area")) == {f"area_{name}" for name in names}


def test_a_table_without_districts_makes_a_bundle_without_them(arrays: ForecastArrays, tmp_path: Path) -> None:
    fewer = ForecastArrays(GRID, {kind: places for kind, places in arrays.places.items() if kind != "district"})
    bundle = ForecastBundle(write_bundle(tmp_path / "bundle", fewer))
    assert "district" not in bundle.places
    with pytest.raises(KeyError):
        bundle.index_of("district", 101)


def test_spec_says_from_and_leaves_out_what_is_not_known(bundle: ForecastBundle) -> None:
    spec = bundle.spec.as_json()
    assert list(spec) == ["model", "version", "origin", "past_origin", "backtest", "data", "versions", "sha256"]
    assert list(spec["data"])[:3] == ["reports", "share", "from"]
    assert "reached" not in spec["backtest"]["area"]
    assert ForecastSpec.model_validate(json.loads(json.dumps(spec))) == bundle.spec


def test_the_registry_numbers_the_version(bundle: ForecastBundle, tmp_path: Path) -> None:
    assert (bundle.name, bundle.version) == ("crime-risk", "unregistered")
    assert ForecastBundle(tmp_path / "bundle", "7").version == "7"


def test_places_are_found_by_their_number(bundle: ForecastBundle) -> None:
    assert [bundle.index_of("district", id_) for id_ in (101, 102, 601)] == [0, 1, 2]
    assert bundle.index_of("city", 0) == 0
    for id_ in (0, 103, 999):
        with pytest.raises(KeyError):
            bundle.index_of("district", id_)
    assert bundle.features_of("area", 1) == {"reports_7d": 4}
    with pytest.raises(KeyError):
        bundle.features_of("area", 2)
    with pytest.raises(KeyError):
        bundle.features_of("district", 101)


def test_shifts_and_categories_add_up_to_the_whole(bundle: ForecastBundle) -> None:
    days = np.arange(HORIZON_DAYS)
    whole = bundle.expected("district", days)
    assert whole.shape == (3, HORIZON_DAYS)
    shifts = sum(bundle.expected("district", days, shift) for shift in range(3))
    categories = sum(bundle.expected("district", days, category=category) for category in CATEGORIES)
    both = sum(bundle.expected("district", days, shift, category) for shift in range(3) for category in CATEGORIES)
    for parts in (shifts, categories, both):
        np.testing.assert_allclose(parts, whole, rtol=1e-5)


def test_the_share_is_that_of_the_weekday(bundle: ForecastBundle) -> None:
    sunday = np.array([6])
    expected = bundle.places["area"].mean[:, 6] * bundle.places["area"].share[:, 6, 2].sum(-1)
    np.testing.assert_allclose(bundle.expected("area", sunday, shift=2)[:, 0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("shift", "category", "offset"),
    [(None, None, 0), (1, None, 1), (None, "fraud_forgery", 2), (1, "fraud_forgery", 3)],
)
def test_each_cut_has_its_own_bounds(
    shift: int | None, category: str | None, offset: int, bundle: ForecastBundle
) -> None:
    bounds = bundle.bounds("area", np.array([[10.0, 100.0], [100.0, 10.0]]), shift, category)
    assert bounds.shape == (4, 2, 2)
    np.testing.assert_array_equal(bounds[:, 0, 0], np.round(np.array([0.5, 2, 0.25, 3]) * (10 + offset)))


def test_a_bundle_of_an_earlier_release_says_nothing_of_the_latest_weeks(bundle: ForecastBundle) -> None:
    assert bundle.week is None


@pytest.mark.parametrize("name", [ARRAYS_FILE, FEATURES_FILE])
def test_a_changed_file_is_refused(name: str, bundle: ForecastBundle, tmp_path: Path) -> None:
    path = tmp_path / "bundle" / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BundleError, match="hash differs"):
        ForecastBundle(tmp_path / "bundle")


@pytest.mark.parametrize("name", [ARRAYS_FILE, FEATURES_FILE, SPEC_FILE])
def test_a_missing_file_is_refused(name: str, bundle: ForecastBundle, tmp_path: Path) -> None:
    (tmp_path / "bundle" / name).unlink()
    with pytest.raises(BundleError, match=name):
        ForecastBundle(tmp_path / "bundle")


def test_a_malformed_spec_is_refused_by_the_name_of_its_field(bundle: ForecastBundle, tmp_path: Path) -> None:
    spec = bundle.spec.as_json()
    del spec["backtest"]["area"]["gain"]
    (tmp_path / "bundle" / SPEC_FILE).write_text(json.dumps(spec))
    with pytest.raises(BundleError, match=r"backtest\.area\.gain"):
        ForecastBundle(tmp_path / "bundle")


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_a_forecast_that_is_no_number_of_reports_is_refused(
    value: float, arrays: ForecastArrays, tmp_path: Path
) -> None:
    arrays.places["area"].mean[1, 3] = value
    with pytest.raises(BundleError, match="area_mean"):
        ForecastBundle(write_bundle(tmp_path / "bundle", arrays))
