"""Decisions are kept as files in the format that the API writes, the newest first."""

import json

import pytest
from crime.registry.audit import AUDIT_FOLDER, OUTCOME_FOLDER, read_decisions, record_intent, record_outcome
from memory_registry import MemoryRegistry


class SteppingRegistry(MemoryRegistry):
    """A registry whose clock goes on by a second with every look, from 2026-01-01."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_767_225_600.0

    def time(self) -> float:
        self.now += 1
        return self.now


def test_the_newest_decision_comes_first() -> None:
    registry = SteppingRegistry()
    record_intent(registry, "promote", "crime-category", "2", "an analyst", "spring matters more")
    record_intent(registry, "rollback", "crime-category", "1", "api")
    assert [
        (decision.time, decision.action, decision.model, decision.version, decision.by, decision.reason)
        for decision in read_decisions(registry)
    ] == [
        ("2026-01-01T00:00:02.000000+00:00", "rollback", "crime-category", "1", "api", None),
        (
            "2026-01-01T00:00:01.000000+00:00",
            "promote",
            "crime-category",
            "2",
            "an analyst",
            "spring matters more",
        ),
    ]


@pytest.mark.parametrize("back", [1, 3_600, 1_000 * 86_400, 1_767_225_600])
def test_decisions_keep_their_order_when_the_clock_goes_back(back: int) -> None:
    registry = SteppingRegistry()
    for version in ("1", "2", "3"):
        record_intent(registry, "promote", "crime-category", version, "api")
        registry.now = max(0, registry.now - back)
    assert [decision.version for decision in read_decisions(registry)] == ["3", "2", "1"]
    assert read_decisions(registry)[0].time < "2026-01-01T00:00:02"  # as the clock said


def test_a_foreign_name_at_the_end_of_time_does_not_stop_the_log() -> None:
    registry = SteppingRegistry()
    registry.contents[f"{AUDIT_FOLDER}/9999-12-31T235959.999999-00000000.json"] = b""
    registry.contents[f"{AUDIT_FOLDER}/9999-99-99T999999.999999-00000000.json"] = b""
    record_intent(registry, "promote", "crime-category", "1", "api")
    unreadable: list[str] = []
    assert len(read_decisions(registry, unreadable)) == 1
    assert len(unreadable) == 2


def test_the_format_of_a_file() -> None:
    registry = SteppingRegistry()
    decision = record_intent(registry, "withdraw", "crime-category", "2", "api")
    ((path, content),) = registry.contents.items()
    assert path.startswith(f"{AUDIT_FOLDER}/2026-01-01T000001.000000-")
    assert path.endswith(".json")
    assert json.loads(content) == {
        "id": decision,
        "at": "2026-01-01T00:00:01.000000+00:00",
        "what": "withdraw",
        "model": "crime-category",
        "version": "2",
        "by": "api",
        "why": None,
    }


def test_the_format_of_an_outcome() -> None:
    registry = SteppingRegistry()
    decision = record_intent(registry, "withdraw", "crime-category", "2", "api")
    record_outcome(registry, decision, "failed", "the registry is gone")
    assert json.loads(registry.contents[f"{OUTCOME_FOLDER}/{decision}.json"]) == {
        "id": decision,
        "at": "2026-01-01T00:00:02.000000+00:00",
        "outcome": "failed",
        "problem": "the registry is gone",
    }
    (read,) = read_decisions(registry)
    assert (read.outcome, read.problem) == ("failed", "the registry is gone")


def test_a_tag_that_names_no_decision_writes_nothing_elsewhere() -> None:
    registry = SteppingRegistry()
    record_outcome(registry, "../../mlflow", "done")
    assert registry.contents == {}


def test_two_decisions_at_the_same_time_are_both_kept() -> None:
    registry = SteppingRegistry()
    for version in ("1", "2"):
        registry.now = 1_767_225_600.0
        record_intent(registry, "promote", "crime-category", version, "a test")
    assert {decision.version for decision in read_decisions(registry)} == {"1", "2"}


def test_no_decision_yet() -> None:
    assert read_decisions(MemoryRegistry()) == []
