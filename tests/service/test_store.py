"""Features of places see what was reported by their day, and nothing else."""

import json
from dataclasses import fields
from pathlib import Path

import duckdb
import numpy as np
import pytest
from crime.features.store import WINDOW_NAMES, FeatureStore, build_feature_store
from crime.features.windows import WINDOW_FEATURES
from crime.reports.history import EventHistory, read_history
from crime.reports.tally import Tally
from crime.sample import sample_table
from crime.training.forecaster.reporting_delay import completeness, observed_days
from harness import Store as Mlruns
from hypothesis import given, settings
from hypothesis import strategies as st

DAY = 18_300


def history(occurred: list[int], delay: list[int], district: list[int]) -> EventHistory:
    order = np.argsort(occurred, kind="stable")
    day, late, place = (np.array(values, np.int32)[order] for values in (occurred, delay, district))
    zeros = np.zeros(len(day))
    return EventHistory(day, day + late, place // 100, place, zeros.astype(int), zeros.astype(int), zeros, zeros)


@pytest.fixture(scope="module")
def real() -> EventHistory:
    with sample_table() as path:
        return read_history(path, Tally())


def test_a_window_counts_what_had_been_reported(real: EventHistory) -> None:
    store = FeatureStore(real)
    ids = np.unique(real.district[real.district > 0])
    for day in (real.first + 20, real.first + 200, real.last):
        values = store.as_of("district", ids, np.full(len(ids), day))
        for at, window in enumerate(WINDOW_FEATURES):
            seen = (real.known <= day) & (real.occurred > day - window.days) & (real.occurred <= day)
            expected = [int((seen & (real.district == id_)).sum()) for id_ in ids[:40]]
            assert values[:40, at].tolist() == expected


reports = st.lists(
    st.tuples(st.integers(DAY, DAY + 60), st.integers(0, 90), st.sampled_from([101, 102, 203])), min_size=1, max_size=40
)


@settings(max_examples=60, deadline=None)
@given(reports, reports, st.integers(DAY, DAY + 120), st.randoms())
def test_no_past_feature_changes_when_rows_are_shuffled_delayed_or_added(base, later, day, random) -> None:  # type: ignore[no-untyped-def]
    ids = np.array([101, 102, 203, 1, 2])
    entities = ["district"] * 3 + ["area"] * 2

    def values(rows) -> list[list[int]]:  # type: ignore[no-untyped-def]
        store = FeatureStore(history(*map(list, zip(*rows, strict=True))))
        return [store.as_of(e, ids[at : at + 1], np.array([day]))[0].tolist() for at, e in enumerate(entities)]

    shuffled = list(base)
    random.shuffle(shuffled)
    # reports that become known after the day, whenever they happened, and one still unknown that is delayed further
    future = [(o, max(late, day + 1 - o), d) for o, late, d in later]
    delayed = [(o, late + 50 if o + late > day else late, d) for o, late, d in shuffled]
    assert values(base) == values(shuffled + future) == values(delayed)


def test_build_is_incremental_and_goes_on_where_it_was_cut(real: EventHistory, tmp_path: Path) -> None:
    first = list(build_feature_store(real, tmp_path / "a", until=real.first + 100))
    assert all(month.fresh for month in first)
    again = list(build_feature_store(real, tmp_path / "a", until=real.first + 100))
    assert not any(month.fresh for month in again)
    more = list(build_feature_store(real, tmp_path / "a", until=real.first + 150))
    assert {month.path.stem for month in more if not month.fresh} == {"2020-01", "2020-02", "2020-03"}
    cut = build_feature_store(real, tmp_path / "b", until=real.first + 150)
    for _ in range(7):
        next(cut)
    cut.close()
    list(build_feature_store(real, tmp_path / "b", until=real.first + 150))
    for path in sorted((tmp_path / "a").rglob("*.parquet")):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()
    assert not list(tmp_path.rglob("*.part"))


def test_a_month_of_the_written_history_says_what_the_store_says(real: EventHistory, tmp_path: Path) -> None:
    list(build_feature_store(real, tmp_path))
    day = np.datetime64(real.first + 150, "D")
    found = duckdb.sql(
        f"SELECT id, {', '.join(f'arg_max({n}, day)' for n in WINDOW_NAMES)} FROM '{tmp_path}/area/*.parquet' "
        f"WHERE day <= DATE '{day}' GROUP BY id ORDER BY id"
    ).fetchall()
    store = FeatureStore(real)
    ids = np.array([row[0] for row in found])
    values = store.as_of("area", ids, np.full(len(ids), real.first + 150))
    assert [list(row[1:]) for row in found] == values.tolist()


def test_features_build_as_a_user_runs_it(store: Mlruns, tmp_path: Path) -> None:
    arguments = ("features", "build", "--until", "2020-06-30", "--output", tmp_path / "f", "--json")
    found = json.loads(store.crime(*arguments).stdout.splitlines()[-1])
    assert (found["written"], found["kept"]) == (12, 0)
    assert json.loads(store.crime(*arguments).stdout.splitlines()[-1])["kept"] == 12
    assert "expected a day as" in store.crime("features", "build", "--until", "June", code=2).stderr


def test_completeness_comes_from_short_and_long_delays_alike() -> None:
    rng = np.random.default_rng(1)
    occurred = rng.integers(DAY, DAY + 400, 40_000)
    delay = rng.geometric(0.1, 40_000) - 1
    seen = history(occurred.tolist(), delay.tolist(), [101] * 40_000).known_by(DAY + 399)
    share = completeness(seen, DAY + 399)
    for days in (0, 5, 20):
        assert share[days] == pytest.approx(1 - 0.9 ** (days + 1), abs=0.02)


def test_a_gap_in_the_table_is_no_quiet_time() -> None:
    counts = np.full(200, 12)
    counts[50:110] = 0
    assert not observed_days(counts)[50:110].any()
    assert observed_days(counts).sum() == 140
    quiet = np.zeros(200, int)
    quiet[::9] = 1
    assert observed_days(quiet).all()
    assert len(fields(EventHistory)) == 8
