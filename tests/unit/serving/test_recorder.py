"""The recorder samples fairly, stores what it can, counts what it can't, and adds shadow predictions."""

import asyncio
import random
import time
import weakref
from collections.abc import Callable

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle, Prediction
from crime.core.errors import RegistryError
from crime.core.settings import Settings
from crime.features.definitions import ReportFields
from crime.registry.promotion import set_challenger
from crime.reports.table import Reports
from crime.serving.model_manager import ModelManager
from crime.serving.recorder import RECORD_LIMIT, Recorder
from memory_registry import MemoryRegistry

NAME = "crime-category"
Metric = Callable[..., float]


@pytest.fixture
def recorder(manager: ModelManager, registry: MemoryRegistry) -> Recorder:
    return Recorder(Settings(), manager, registry)


def rows(reports: Reports, count: int) -> list[ReportFields]:
    fields = reports.fields
    return [{name: column[row] for name, column in fields.items()} for row in range(count)]


@pytest.fixture
def fields(small_reports: Reports) -> ReportFields:
    return rows(small_reports, 1)[0]


PREDICTION = Prediction(np.eye(7)[0], "report")


def test_predictions_wait_for_a_flush_and_are_read_back(
    recorder: Recorder, registry: MemoryRegistry, fields: ReportFields, metric: Metric
) -> None:
    before = metric("crime_predictions_recorded_total")
    recorder.flush()
    assert registry.contents == {}  # nothing to write
    for number in ("a", "b"):
        recorder.add("1", PREDICTION, number, fields)
    assert recorder.recorded().report_number.tolist() == ["a", "b"]
    recorder.flush()
    assert len(registry.contents) == 1
    assert metric("crime_predictions_recorded_total") == before + 2
    recorder.add("1", PREDICTION, "c", fields)
    assert recorder.recorded().report_number.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("table", [False, True])
def test_beyond_the_bound_every_prediction_has_the_same_chance(
    table: bool, recorder: Recorder, small_reports: Reports, monkeypatch: pytest.MonkeyPatch, metric: Metric
) -> None:
    """As Vitter's algorithm R promises: of 100 predictions 20 are kept, whichever they are."""
    monkeypatch.setattr("crime.serving.recorder.MAX_PENDING", 20)
    random.seed(1)
    np.random.seed(1)
    reports = small_reports.take(slice(None, 100)).fields
    kept = np.zeros(100)
    sampled_out = metric("crime_predictions_unrecorded_total", reason="sampled")
    times = 300
    for _ in range(times):
        if table:
            for first in (0, 37, 70):  # in parts, as tables are scored
                part = slice(first, {0: 37, 37: 70, 70: 100}[first])
                numbers = np.array([str(row) for row in range(100)], object)[part]
                count = len(numbers)
                columns = {name: column[part] for name, column in reports.items()} | {"dr_no": numbers}
                recorder.add_table("1", columns, np.tile(PREDICTION.probabilities, (count, 1)), np.zeros(count, int))
        else:
            for row, report in enumerate(rows(small_reports, 100)):
                recorder.add("1", PREDICTION, str(row), report)
        pending = recorder.recorded().report_number.astype(int)
        assert len(set(pending.tolist())) == 20
        kept[pending] += 1
        recorder._pending, recorder._seen = [], 0
    expected = times * 20 / 100
    assert ((kept - expected) ** 2 / expected).sum() < 140  # chi-square, 99 degrees: 0.4 % by chance
    assert metric("crime_predictions_unrecorded_total", reason="sampled") == sampled_out + times * 80


def test_what_is_kept_of_a_table_keeps_none_of_its_blocks(recorder: Recorder, small_reports: Reports) -> None:
    """5,000 records of as many blocks would hold gigabytes."""
    probabilities = np.full((100, 7), 1 / 7)
    block = weakref.ref(probabilities)
    recorder.add_table("1", small_reports.take(slice(None, 100)).fields, probabilities, np.zeros(100, int))
    del probabilities
    assert len(recorder.recorded()) == 100
    assert block() is None


def test_a_share_of_predictions_is_recorded(
    manager: ModelManager, registry: MemoryRegistry, fields: ReportFields, small_reports: Reports
) -> None:
    random.seed(1)
    np.random.seed(1)
    recorder = Recorder(Settings(record_share=0.25), manager, registry)
    for _ in range(400):
        recorder.add("1", PREDICTION, "", fields)
    assert len(recorder.recorded()) == pytest.approx(100, abs=30)
    count = len(small_reports)
    recorder.add_table("1", small_reports.fields, np.tile(PREDICTION.probabilities, (count, 1)), np.zeros(count, int))
    assert len(recorder.recorded()) == pytest.approx(100 + count / 4, abs=100)


def test_nothing_is_recorded_where_nothing_should_be(
    manager: ModelManager, registry: MemoryRegistry, fields: ReportFields
) -> None:
    recorder = Recorder(Settings(record_share=0), manager, registry)
    recorder.add("1", PREDICTION, "a", fields)
    recorder.flush()
    assert registry.contents == {}
    assert len(recorder.recorded()) == 0


def test_without_a_store_this_process_alone_remembers(
    manager: ModelManager, fields: ReportFields, metric: Metric
) -> None:
    recorder = Recorder(Settings(), manager, None)
    before = metric("crime_predictions_recorded_total")
    recorder.add("1", PREDICTION, "a", fields)
    recorder.flush()
    recorder.add("1", PREDICTION, "b", fields)
    assert recorder.recorded().report_number.tolist() == ["a", "b"]
    assert metric("crime_predictions_recorded_total") == before


def test_what_a_store_does_not_take_waits_and_is_recorded_once(
    recorder: Recorder, registry: MemoryRegistry, fields: ReportFields, metric: Metric
) -> None:
    recorded = metric("crime_predictions_recorded_total")
    recorder.add("1", PREDICTION, "a", fields)
    registry.reachable = False
    for number in ("b", "c"):
        recorder.flush()
        assert metric("crime_predictions_waiting") == 1
        recorder.add("1", PREDICTION, number, fields)
    registry.reachable = True
    recorder.flush()
    assert sorted(recorder.recorded().report_number) == ["a", "b", "c"]
    assert len(registry.contents) == 2
    assert metric("crime_predictions_waiting") == 0
    assert metric("crime_predictions_recorded_total") == recorded + 3


def test_a_file_that_arrived_though_its_answer_was_lost_is_not_there_twice(
    recorder: Recorder, registry: MemoryRegistry, fields: ReportFields, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = registry.save

    def lose_the_answer(path: str, content: bytes) -> None:
        save(path, content)
        raise RegistryError("the answer was lost")

    recorder.add("1", PREDICTION, "a", fields)
    monkeypatch.setattr(registry, "save", lose_the_answer)
    recorder.flush()
    monkeypatch.undo()
    recorder.flush()
    assert recorder.recorded().report_number.tolist() == ["a"]


def test_what_was_answered_just_before_a_trial_is_not_of_it(
    manager: ModelManager,
    registry: MemoryRegistry,
    small_bundle: CategoryBundle,
    fields: ReportFields,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for alias in ("champion", "latest"):
        registry.register(NAME, small_bundle.directory, alias)
    now = 1_767_225_600.25
    monkeypatch.setattr(registry, "time", lambda: now)
    recorder = Recorder(Settings(), manager, registry)
    recorder.add("1", PREDICTION, "before", fields)
    now += 0.5  # within the same second
    set_challenger(registry, NAME, "2", 0.0, "a test")
    manager.refresh()
    now += 0.1
    recorder.add("1", PREDICTION, "after", fields)
    recorder.flush()
    comparison = recorder.compare_challenger()
    assert comparison is not None
    assert comparison.shadowed == 1


def test_the_challenger_makes_shadow_predictions_of_the_champions_reports(
    recorder: Recorder,
    manager: ModelManager,
    registry: MemoryRegistry,
    small_bundle: CategoryBundle,
    small_reports: Reports,
    metric: Metric,
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    registry.register(NAME, small_bundle.directory, "challenger")
    manager.refresh()
    agreed = metric("crime_shadow_predictions_total", version="2", agrees="true")
    for number, report in enumerate(rows(small_reports, 30)):
        recorder.add("2" if number < 10 else "1", small_bundle.predict_one(report), str(number), report)
    recorder.flush()
    assert len(recorder.recorded()) == 30
    everything = recorder.recorded(shadows=True)
    shadows = everything.take(everything.shadow)
    assert set(shadows.version) == {"2"}
    assert sorted(map(int, shadows.report_number)) == list(range(10, 30))
    assert metric("crime_shadow_predictions_total", version="2", agrees="true") == agreed + 20
    comparison = recorder.compare_challenger()
    assert comparison is not None
    assert (comparison.answered, comparison.shadowed) == (10, 20)
    assert comparison.agreement == 1  # the same model twice
    assert comparison.difference == pytest.approx(0, abs=1e-4)


def test_without_a_challenger_there_is_nothing_to_compare(recorder: Recorder) -> None:
    assert recorder.compare_challenger() is None


def test_drift_is_shown_in_the_metrics(
    recorder: Recorder,
    manager: ModelManager,
    registry: MemoryRegistry,
    small_bundle: CategoryBundle,
    small_reports: Reports,
    metric: Metric,
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    manager.refresh()
    report = next(report for report in rows(small_reports, 100) if report["area"] == 6)
    for _ in range(400):  # one and the same report
        recorder.add("1", small_bundle.predict_one(report), "", report)
    asked_at = time.monotonic()
    assert recorder.drift(small_bundle, asked_at).drifted
    assert metric("crime_drift") == 1
    assert metric("crime_drift_psi", feature="area") > 1


def test_accuracy_is_shown_in_the_metrics(
    recorder: Recorder, small_bundle: CategoryBundle, small_reports: Reports, metric: Metric
) -> None:
    for report in rows(small_reports, 600):
        recorder.add(small_bundle.version, small_bundle.predict_one(report), "", report)
    estimated = recorder.drift(small_bundle, time.monotonic()).estimated
    right = sum(week.accuracy.expected * week.reports for week in estimated) / 600
    assert metric("crime_accuracy", kind="estimated") == pytest.approx(right, abs=1e-3)
    assert 0.3 < metric("crime_accuracy", kind="expected") < 1
    assert metric("crime_accuracy", kind="measured") == 0


@pytest.mark.parametrize(("seconds", "times"), [(float("inf"), 1), (0.0, 3)])
def test_drift_is_measured_in_the_background_ever_so_often_and_in_turn(
    seconds: float,
    times: int,
    recorder: Recorder,
    manager: ModelManager,
    registry: MemoryRegistry,
    small_bundle: CategoryBundle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    manager.refresh()
    measured: list[int] = []
    pauses = iter(range(3))

    async def pause(_: float) -> None:
        if next(pauses, None) is None:
            raise asyncio.CancelledError

    monkeypatch.setattr("crime.serving.recorder.asyncio.sleep", pause)
    monkeypatch.setattr("crime.core.limits.MEASURE_SECONDS", seconds)
    monkeypatch.setattr(recorder, "drift", lambda *_: measured.append(int(RECORD_LIMIT.borrowed_tokens)))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(recorder.run())
    assert measured == [1] * times  # the limit's one place is taken meanwhile


def test_drift_is_measured_anew_only_when_something_was_recorded(
    recorder: Recorder, small_bundle: CategoryBundle, small_reports: Reports
) -> None:
    report = rows(small_reports, 1)[0]
    recorder.add("1", small_bundle.predict_one(report), "", report)
    asked_at = time.monotonic()
    first = recorder.drift(small_bundle, asked_at)
    assert recorder.drift(small_bundle, time.monotonic()) is first
    recorder.add("1", small_bundle.predict_one(report), "", report)
    second = recorder.drift(small_bundle, time.monotonic())
    assert (first.reports, second.reports) == (1, 2)
    recorder.add("1", small_bundle.predict_one(report), "", report)
    assert recorder.drift(small_bundle, asked_at) is second  # begun after it was asked for: who waited gets it too
