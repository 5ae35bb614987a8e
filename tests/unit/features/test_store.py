"""Window features see what was reported by their day, and nothing else."""

from pathlib import Path

import duckdb
import numpy as np
import pytest
from crime.features.store import WINDOW_NAMES, FeatureStore, build_feature_store
from crime.features.windows import WINDOW_FEATURES
from crime.reports.history import EventHistory
from histories import MONDAY, make_history, poisson_history


@pytest.fixture(scope="module")
def history() -> EventHistory:
    return poisson_history(days=420, rates={101: 0.5, 102: 0.2, 201: 0.3}, late=0.4)


def test_a_window_counts_what_had_been_reported(history: EventHistory) -> None:
    store = FeatureStore(history)
    ids = np.array([101, 102, 201])
    for day in MONDAY + np.array([0, 20, 200, 390, 419, 600]):
        values = store.as_of("district", ids, np.full(3, day))
        for column, window in enumerate(WINDOW_FEATURES):
            counted = (history.known <= day) & (history.occurred > day - window.days) & (history.occurred <= day)
            assert values[:, column].tolist() == [int((counted & (history.district == id_)).sum()) for id_ in ids]


def test_a_report_enters_when_it_is_known_and_leaves_after_the_window() -> None:
    store = FeatureStore(make_history([MONDAY], [3], [101]))
    days = MONDAY + np.array([2, 3, 6, 7, 27, 28])
    values = store.as_of("area", np.ones(6, int), days)
    assert values[:, WINDOW_NAMES.index("reports_7d")].tolist() == [0, 1, 1, 0, 0, 0]
    assert values[:, WINDOW_NAMES.index("reports_28d")].tolist() == [0, 1, 1, 1, 1, 0]


def test_a_report_that_comes_after_its_window_never_counts_there() -> None:
    store = FeatureStore(make_history([MONDAY], [10], [101]))
    days = MONDAY + np.arange(40)
    assert not store.as_of("area", np.ones(40, int), days)[:, WINDOW_NAMES.index("reports_7d")].any()


def test_an_entity_without_reports_has_zeros(history: EventHistory) -> None:
    assert FeatureStore(history).as_of("district", np.array([999]), np.array([history.last])).tolist() == [[0] * 4]


def test_latest_has_every_entity_ever_seen() -> None:
    store = FeatureStore(make_history([MONDAY, MONDAY + 1000], [0, 0], [101, 202]))
    latest = store.latest("area", MONDAY + 1000)
    assert latest == {1: dict.fromkeys(WINDOW_NAMES, 0), 2: dict.fromkeys(WINDOW_NAMES, 1)}


def test_no_past_feature_changes_when_reports_are_shuffled_delayed_or_added() -> None:
    """In 300 random areas of two districts each, looked at on a random day each."""
    rng = np.random.default_rng(2)
    size = 12_000
    area = rng.integers(1, 301, size)
    district = 100 * area + rng.integers(1, 3, size)
    occurred, delay = MONDAY + rng.integers(0, 60, size), rng.integers(0, 90, size)
    day_of_area = MONDAY + rng.integers(0, 120, 301)
    day = day_of_area[area]
    added = rng.random(size) < 0.5  # the others, which are in every history
    known_later = np.where(added, np.maximum(delay, day + 1 - occurred), delay)
    delayed_further = np.where(occurred + delay > day, delay + 50, delay)

    def values(rows: np.ndarray, delays: np.ndarray) -> np.ndarray:
        store = FeatureStore(make_history(occurred[rows], delays[rows], district[rows]))
        areas = np.arange(1, 301)
        by_area = store.as_of("area", areas, day_of_area[1:])
        return np.stack([by_area, *(store.as_of("district", 100 * areas + n, day_of_area[1:]) for n in (1, 2))])

    base = np.flatnonzero(~added)
    expected = values(base, delay)
    assert expected.any()
    np.testing.assert_array_equal(values(rng.permutation(size), known_later), expected)
    np.testing.assert_array_equal(values(rng.permutation(base), delayed_further), expected)


def test_a_build_writes_only_months_that_changed(history: EventHistory, tmp_path: Path) -> None:
    until = MONDAY + 100  # 2020-05-20
    assert all(month.fresh for month in build_feature_store(history, tmp_path, until))
    assert not any(month.fresh for month in build_feature_store(history, tmp_path, until))
    months = list(build_feature_store(history, tmp_path, until + 60))
    assert {month.path.stem for month in months if not month.fresh} == {"2020-02", "2020-03", "2020-04"}


def test_an_interrupted_build_ends_as_an_uninterrupted_one(history: EventHistory, tmp_path: Path) -> None:
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    months = list(build_feature_store(history, whole, MONDAY + 150))
    interrupted = build_feature_store(history, resumed, MONDAY + 150)
    for _ in range(len(months) // 2 + 1):
        next(interrupted)
    del interrupted
    assert sum(month.fresh for month in build_feature_store(history, resumed, MONDAY + 150)) == len(months) // 2 - 1
    for month in months:
        assert month.path.read_bytes() == (resumed / month.path.relative_to(whole)).read_bytes()
    assert not list(tmp_path.rglob("*.part"))


def test_a_damaged_month_is_written_again(history: EventHistory, tmp_path: Path) -> None:
    first, *_ = build_feature_store(history, tmp_path, MONDAY + 40)
    first.path.write_bytes(b"PAR1")
    assert [month.path for month in build_feature_store(history, tmp_path, MONDAY + 40) if month.fresh] == [first.path]


def test_written_months_say_what_the_store_says(history: EventHistory, tmp_path: Path) -> None:
    list(build_feature_store(history, tmp_path))
    day = MONDAY + 150
    rows = duckdb.execute(
        f"SELECT id, {', '.join(f'arg_max({name}, day)' for name in WINDOW_NAMES)} FROM '{tmp_path}/area/*.parquet' "
        f"WHERE day <= DATE '{np.datetime64(day, 'D')}' GROUP BY id ORDER BY id"
    ).fetchall()
    ids = np.array([row[0] for row in rows])
    assert [list(row[1:]) for row in rows] == FeatureStore(history).as_of("area", ids, np.full(len(ids), day)).tolist()
