"""Decisions are kept as files in the format that the API writes, the newest first."""

import json

from crime.registry.audit import AUDIT_FOLDER, Decision, read_decisions, record_decision
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
    record_decision(registry, "promote", "crime-category", "2", "an analyst", "spring matters more")
    record_decision(registry, "rollback", "crime-category", "1", "api")
    assert read_decisions(registry) == [
        Decision("2026-01-01T00:00:02.000000+00:00", "rollback", "crime-category", "1", "api"),
        Decision(
            "2026-01-01T00:00:01.000000+00:00",
            "promote",
            "crime-category",
            "2",
            "an analyst",
            "spring matters more",
        ),
    ]


def test_the_format_of_a_file() -> None:
    registry = SteppingRegistry()
    record_decision(registry, "withdraw", "crime-category", "2", "api")
    ((path, content),) = registry.contents.items()
    assert path.startswith(f"{AUDIT_FOLDER}/2026-01-01T000001.000000-")
    assert path.endswith(".json")
    assert json.loads(content) == {
        "at": "2026-01-01T00:00:01.000000+00:00",
        "what": "withdraw",
        "model": "crime-category",
        "version": "2",
        "by": "api",
        "why": None,
    }


def test_two_decisions_at_the_same_time_are_both_kept() -> None:
    registry = SteppingRegistry()
    for version in ("1", "2"):
        registry.now = 1_767_225_600.0
        record_decision(registry, "promote", "crime-category", version, "a test")
    assert {decision.version for decision in read_decisions(registry)} == {"1", "2"}


def test_no_decision_yet() -> None:
    assert read_decisions(MemoryRegistry()) == []
