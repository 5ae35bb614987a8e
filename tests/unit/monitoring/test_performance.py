"""Recorded predictions are judged by week and version once the labels of their reports are known."""

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from crime.monitoring.performance import (
    PERFORMANCE_FILE,
    WEEK_SECONDS,
    WeeklyPerformance,
    read_performance,
    update_performance,
    weekly_performance,
)
from crime.monitoring.records import PredictionRecord, RecordedPredictions, decode_records, encode_records
from memory_registry import MemoryRegistry

WEEK = 2_600 * WEEK_SECONDS  # 2019-10-31
WEEK_ENTRY = {"week": "2026-01-01", "version": "1", "reports": 5, "accuracy": 0.5, "log_loss": 0.3, "ece": 0.01}


def recorded(*records: PredictionRecord) -> RecordedPredictions:
    return decode_records([encode_records(records)])


def labels(**by_number: int) -> tuple[np.ndarray, np.ndarray]:
    return np.array(list(by_number), object), np.array(list(by_number.values()))


def test_accuracy_and_log_loss_of_a_week(make_record: Any) -> None:
    predictions = recorded(
        make_record("a", WEEK, category=0, share=0.7),
        make_record("b", WEEK + 1, category=1, share=0.7),
        make_record("unlabelled", WEEK + 2),
    )
    (week,) = weekly_performance(predictions, *labels(a=0, b=2, other=3))
    assert (week.week, week.version, week.shadow, week.reports) == ("2019-10-31", "1", False, 2)
    assert week.accuracy == 0.5
    assert week.log_loss == pytest.approx(-(np.log(0.7) + np.log(0.05)) / 2, abs=1e-4)
    assert week.ece == pytest.approx(0.2, abs=1e-4)


def test_weeks_versions_and_shadows_are_kept_apart(make_record: Any) -> None:
    predictions = recorded(
        make_record("a", WEEK),
        make_record("a", WEEK + WEEK_SECONDS - 1),
        make_record("a", WEEK + WEEK_SECONDS),
        make_record("a", WEEK, version="2"),
        make_record("a", WEEK, version="2", shadow=True),
    )
    weeks = weekly_performance(predictions, *labels(a=0))
    assert [(week.week, week.version, week.shadow, week.reports) for week in weeks] == [
        ("2019-10-31", "1", False, 2),
        ("2019-10-31", "2", False, 1),
        ("2019-10-31", "2", True, 1),
        ("2019-11-07", "1", False, 1),
    ]


def test_without_labels_there_is_no_performance(make_record: Any) -> None:
    store = MemoryRegistry()
    assert update_performance(store, recorded(make_record("a", WEEK)), *labels(b=0)) == []
    assert store.contents == {}


def test_more_reports_replace_fewer(make_record: Any) -> None:
    store = MemoryRegistry()
    predictions = recorded(make_record("a", WEEK), make_record("b", WEEK), make_record("c", WEEK + WEEK_SECONDS))
    update_performance(store, predictions, *labels(a=0))
    both = update_performance(store, predictions, *labels(a=0, b=1))
    assert [(week.reports, week.accuracy) for week in both] == [(2, 0.5)]
    assert update_performance(store, predictions, *labels(b=0)) == both
    later = update_performance(store, predictions, *labels(c=0))
    assert [week.week for week in later] == ["2019-10-31", "2019-11-07"]
    assert read_performance(store) == later


def test_the_format_of_the_file(make_record: Any) -> None:
    store = MemoryRegistry()
    update_performance(store, recorded(make_record("a", WEEK, "2", True, share=0.7)), *labels(a=0))
    assert json.loads(store.contents[PERFORMANCE_FILE]) == [
        {
            "week": "2019-10-31",
            "version": "2 (shadow)",
            "reports": 1,
            "accuracy": 1.0,
            "log_loss": 0.3567,
            "ece": 0.3,
        }
    ]
    assert read_performance(store) == [WeeklyPerformance("2019-10-31", "2", True, 1, 1.0, 0.3567, 0.3)]


def test_nothing_was_written_yet() -> None:
    assert read_performance(None) == []
    assert read_performance(MemoryRegistry()) == []


def test_without_a_store_the_result_is_returned(make_record: Any) -> None:
    (week,) = update_performance(None, recorded(make_record("a", WEEK)), *labels(a=0))
    assert week.reports == 1


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"null", b"{}", b"\xff", b"[1]", b"[[]]", b"[" * 100_000, b'[{"week": "2026-01-01"}]',
        *(
            json.dumps([WEEK_ENTRY | change]).encode()
            for change in (
                {"week": "soon"}, {"week": "2026-99-99"}, {"version": ""}, {"version": 7}, {"reports": 0},
                {"reports": 1.5}, {"accuracy": float("nan")}, {"accuracy": "x"}, {"log_loss": float("inf")}, {"ece": 2},
            )
        ),
    ],
)  # fmt: skip
def test_a_file_that_can_not_be_read_is_left_out_and_told(content: bytes, make_record: Any) -> None:
    store = MemoryRegistry()
    store.save(PERFORMANCE_FILE, content)
    unreadable: list[str] = []
    assert read_performance(store, unreadable) == []
    assert unreadable == [PERFORMANCE_FILE]
    assert len(update_performance(store, recorded(make_record("a", WEEK)), *labels(a=0))) == 1
    assert len(read_performance(store)) == 1


def test_a_file_of_very_many_values_is_refused_before_it_is_parsed() -> None:
    store = MemoryRegistry()
    store.save(PERFORMANCE_FILE, b"[" + b"[]," * 1_000_000 + b"[]]")
    unreadable: list[str] = []
    tracemalloc.start()
    try:
        assert read_performance(store, unreadable) == []
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()
    assert unreadable == [PERFORMANCE_FILE]


def test_one_week_that_can_not_be_read_hides_no_other() -> None:
    store = MemoryRegistry()
    store.save(PERFORMANCE_FILE, json.dumps([WEEK_ENTRY, {"week": 1}]).encode())
    unreadable: list[str] = []
    assert [week.week for week in read_performance(store, unreadable)] == ["2026-01-01"]
    assert unreadable == [PERFORMANCE_FILE]
