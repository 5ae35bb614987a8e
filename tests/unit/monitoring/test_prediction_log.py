"""The log keeps 90 days, reads back the latest predictions, and is not disturbed by other files."""

import os
from pathlib import Path
from typing import Any

import pytest
from crime.core.errors import RegistryError
from crime.monitoring.prediction_log import FOLDER, KEPT_DAYS, PredictionLog
from crime.monitoring.records import encode_records
from crime.registry.embedded import EmbeddedRegistry
from memory_registry import MemoryRegistry

DAY = 86_400
START = 1_767_225_600.0  # 2026-01-01


class DatedStore(MemoryRegistry):
    """A store whose clock is set by the test. Counts how often a file was loaded."""

    now = START
    loads = 0

    def time(self) -> float:
        return self.now

    def load(self, path: str) -> bytes:
        self.loads += 1
        return super().load(path)


@pytest.fixture
def store() -> DatedStore:
    return DatedStore()


def test_what_was_appended_is_read_oldest_first(store: DatedStore, make_record: Any) -> None:
    log = PredictionLog(store)
    log.append([make_record("late", at=3), make_record("early", at=1)])
    assert PredictionLog(store).read([make_record("pending", at=2)]).report_number.tolist() == [
        "early",
        "pending",
        "late",
    ]


def test_shadow_predictions_are_read_only_on_request(store: DatedStore, make_record: Any) -> None:
    log = PredictionLog(store)
    log.append([make_record("a", at=1), make_record("a", at=1, version="2", shadow=True)])
    assert log.read().version.tolist() == ["1"]
    assert log.read(shadows=True).version.tolist() == ["1", "2"]


def test_a_file_is_in_the_folder_of_its_day_and_names_its_records(store: DatedStore, make_record: Any) -> None:
    store.now = START + 12 * 3600 + 0.25
    PredictionLog(store).append([make_record(), make_record()])
    (path,) = store.contents
    assert path.startswith(f"{FOLDER}/2026-01-01/120000.250000-")
    assert path.endswith("-2.csv.gz")


def test_days_are_removed_after_ninety(store: DatedStore, make_record: Any) -> None:
    log = PredictionLog(store)
    for day in range(KEPT_DAYS + 11):
        store.now = START + day * DAY
        log.append([make_record(str(day), at=store.now)])
    days = sorted({path.split("/")[2] for path in store.contents})
    assert days[0] == "2026-01-11"
    assert days[-1] == "2026-04-11"
    assert len(days) == KEPT_DAYS + 1


def test_rare_days_are_kept_however_old(store: DatedStore, make_record: Any) -> None:
    """A log that is seldom written keeps its last ninety days with predictions."""
    log = PredictionLog(store)
    log.append([make_record("old")])
    store.now += 400 * DAY
    log.append([make_record("new")])
    assert len(log.read()) == 2


def test_only_the_latest_files_are_read(store: DatedStore, make_record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    log = PredictionLog(store)
    for second in range(6):
        store.now = START + second * DAY / 4
        log.append([make_record(f"{second}{part}", at=second) for part in "abc"])
    monkeypatch.setattr("crime.monitoring.prediction_log.MAX_PREDICTIONS", 4)
    assert sorted(log.read().report_number) == ["4a", "4b", "4c", "5a", "5b", "5c"]
    monkeypatch.setattr("crime.monitoring.prediction_log.MAX_FILES", 1)
    assert sorted(log.read().report_number) == ["5a", "5b", "5c"]


def test_a_file_is_loaded_once(store: DatedStore, make_record: Any) -> None:
    log = PredictionLog(store)
    log.append([make_record("a")])
    log.read()
    log.read()
    assert store.loads == 1


@pytest.mark.parametrize(
    "path",
    [
        "notes.txt",
        "2026-01-01/notes.txt",
        "2026-01-01/120000-POD-many.csv.gz",
        "2026-01-01/x-3",
        "a folder/1-a-1.csv.gz",
    ],
)
def test_a_foreign_file_does_not_stop_reading(path: str, tmp_path: Path, make_record: Any) -> None:
    store = EmbeddedRegistry(tmp_path)
    log = PredictionLog(store)
    log.append([make_record("a")])
    store.save(f"{FOLDER}/{path}", b"not written by the log")
    assert log.read().report_number.tolist() == ["a"]
    log.append([make_record("b", at=1)])
    assert log.read().report_number.tolist() == ["a", "b"]
    assert store.load(f"{FOLDER}/{path}")


def test_files_that_can_not_be_read_are_left_out_and_told(tmp_path: Path, make_record: Any) -> None:
    store = EmbeddedRegistry(tmp_path)
    log = PredictionLog(store)
    log.append([make_record("a")])
    day = tmp_path / FOLDER / "2026-01-01"
    day.mkdir(parents=True)
    (day / "1-a-1.csv.gz").write_bytes(b"half")
    (day / "2-a-1.csv.gz").mkdir()
    (day / "3-a-1.csv.gz").symlink_to(tmp_path)
    os.mkfifo(day / "4-a-1.csv.gz")
    (day / "notes.txt").write_bytes(b"foreign")
    (tmp_path / FOLDER / "2026-01-02").write_bytes(b"a file in place of a folder")
    for _ in range(2):
        unreadable: list[str] = []
        assert log.read(unreadable=unreadable).report_number.tolist() == ["a"]
        assert len(unreadable) == 6
    log.append([make_record("b", at=1)])
    assert log.read().report_number.tolist() == ["a", "b"]


def test_what_is_read_is_bounded_whatever_names_say(store: DatedStore, make_record: Any, monkeypatch: Any) -> None:
    for number in range(6):
        store.save(f"{FOLDER}/2026-01-01/{number}-a-0.csv.gz", encode_records([make_record(f"{number}")] * 3))
    monkeypatch.setattr("crime.monitoring.prediction_log.MAX_PREDICTIONS", 4)
    assert len(PredictionLog(store).read()) == 6
    assert store.loads == 2
    monkeypatch.setattr("crime.core.limits.RECORDED_BYTES", 1)
    assert len(PredictionLog(store).read()) == 3


@pytest.mark.parametrize("jump", [-400 * DAY, -START, 400 * DAY, 10_000 * DAY])
def test_no_day_is_lost_when_the_clock_jumps(jump: float, store: DatedStore, make_record: Any) -> None:
    """Forward and back again: the ninety last days with predictions stay, whichever is today."""
    log = PredictionLog(store)
    for day in range(KEPT_DAYS - 1):
        store.now = START + day * DAY
        log.append([make_record(str(day), at=store.now)])
    before = len(store.contents)
    today, store.now = store.now, max(0, store.now + jump)
    log.append([make_record("jumped", at=store.now)])
    assert len(store.contents) == before + 1
    store.now = today + DAY
    log.append([make_record("back", at=store.now)])
    assert any(path.startswith(f"{FOLDER}/2026-03-31/") for path in store.contents)
    assert len(store.contents) >= before + 1


def test_a_day_to_come_does_not_hide_what_pods_write(store: DatedStore, make_record: Any) -> None:
    """What is computed of the log is kept until its newest files change."""
    log = PredictionLog(store)
    store.save(f"{FOLDER}/2999-12-31/120000.0-pod-1.csv.gz", b"")
    log.append([make_record()])
    before = log.newest_paths()
    store.now += 60
    PredictionLog(store).append([make_record()])
    assert len(log.newest_paths()) == len(before) + 1


def test_predictions_are_recorded_although_old_days_can_not_be_removed(store: DatedStore, make_record: Any) -> None:
    def refuse(path: str) -> None:
        raise RegistryError("not allowed")

    store.remove = refuse  # type: ignore[method-assign]
    log = PredictionLog(store)
    for day in range(KEPT_DAYS + 2):
        store.now = START + day * DAY
        log.append([make_record(str(day), at=store.now)])
    assert len(store.contents) == KEPT_DAYS + 2


def test_without_a_store_there_is_what_the_caller_has(make_record: Any) -> None:
    log = PredictionLog(None)
    log.append([make_record("a")])
    assert log.read([make_record("b")]).report_number.tolist() == ["b"]
    assert len(log.read()) == 0


def test_a_store_that_can_not_be_reached(store: DatedStore, make_record: Any) -> None:
    store.reachable = False
    log = PredictionLog(store)
    with pytest.raises(RegistryError):
        log.append([make_record()])
    with pytest.raises(RegistryError):
        log.read()
