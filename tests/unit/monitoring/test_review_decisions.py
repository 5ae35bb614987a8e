"""Decisions about doubted records: kept as they came, and used in training."""

import json
from dataclasses import replace

import numpy as np
import pytest
from crime.core.errors import RegistryError
from crime.monitoring.review_decisions import FOLDER, ReviewDecisions, apply_decisions
from crime.reports.categories import CATEGORY_OF_CODE, CRIME_CODES, crime_code_index
from crime.reports.table import Reports
from memory_registry import MemoryRegistry


@pytest.fixture
def decisions() -> ReviewDecisions:
    return ReviewDecisions(MemoryRegistry())


def test_decisions_are_kept_in_their_order_and_the_latest_holds(decisions: ReviewDecisions) -> None:
    first = decisions.append("Ada", "1", "legacy", "624", "wrong", "230", "two officers hurt")
    second = decisions.append("Bo", "1", "legacy", "624", "right")
    third = decisions.append("Ada", "2", "legacy", "624", "unsure")
    assert decisions.read() == [first, second, third]
    assert decisions.latest() == {("1", "legacy", "624"): second, ("2", "legacy", "624"): third}
    assert ReviewDecisions(decisions.store).read() == [first, second, third]  # another pod


KEPT = {
    "at": "2026-01-01T00:00:00.000000+00:00",
    "by": "Ada",
    "number": "1",
    "system": "legacy",
    "code": "624",
    "judgement": "wrong",
    "right_code": "230",
    "note": "",
}


def test_what_can_not_be_read_hides_no_other_decision(decisions: ReviewDecisions) -> None:
    whole = decisions.append("Ada", "1", "legacy", "624", "right")
    changes: list[dict[str, object]] = [
        {"at": "yesterday"}, {"by": None}, {"number": 1}, {"system": "none"}, {"code": "0"}, {"right_code": "0"},
        {"judgement": "perhaps"}, {"note": ["a"]}, {"note": "x" * 100_000}, {"note": "\ud800"},
    ]  # fmt: skip
    contents = [b"", b"{", b"null", b"[]", b"{}", b"\xff", b"[" * 60_000]
    contents += [json.dumps(KEPT | change).encode() for change in changes]
    for number, content in enumerate(contents):
        decisions.store.save(f"{FOLDER}/{number}.json", content)
    for reader in (decisions, ReviewDecisions(decisions.store)):
        unreadable: list[str] = []
        assert reader.read(unreadable) == [whole]
        assert len(unreadable) == len(contents)
        assert reader.latest() == {("1", "legacy", "624"): whole}
    decisions.store.save(f"{FOLDER}/whole.json", json.dumps(KEPT).encode())
    assert len(decisions.read()) == 2


def test_the_later_decision_holds_when_the_clock_goes_back(
    decisions: ReviewDecisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions.append("Ada", "1", "legacy", "624", "wrong")
    monkeypatch.setattr(decisions.store, "time", lambda: 1_000.0)
    later = decisions.append("Ada", "1", "legacy", "624", "right")
    assert decisions.latest() == {("1", "legacy", "624"): later}


def test_nothing_is_kept_while_the_registry_is_down() -> None:
    registry = MemoryRegistry()
    decisions = ReviewDecisions(registry)
    registry.reachable = False
    with pytest.raises(RegistryError):
        decisions.append("Ada", "1", "legacy", "624", "wrong")
    registry.reachable = True
    assert decisions.read() == []


def test_training_takes_right_codes_and_leaves_out_what_is_wrong(
    decisions: ReviewDecisions, small_reports: Reports
) -> None:
    numbers = np.array([str(row) for row in range(len(small_reports))], object)
    reports = replace(small_reports, fields=small_reports.fields | {"dr_no": numbers})
    crimes = [CRIME_CODES[code] for code in reports.code[:4].tolist()]
    right = next(code for code in ("624", "330") if code != crimes[0].code)
    decisions.append("Ada", "0", "legacy", crimes[0].code, "wrong", right)
    decisions.append("Ada", "1", "legacy", crimes[1].code, "wrong")
    decisions.append("Ada", "2", "legacy", crimes[2].code, "right")
    decisions.append("Ada", "3", "legacy", "no longer recorded", "wrong")
    changed = apply_decisions(reports, decisions.latest())
    assert changed.fields["dr_no"].tolist() == [number for number in numbers if number != "1"]
    assert changed.code[0] == crime_code_index()["legacy", right]
    assert changed.label[0] == CATEGORY_OF_CODE[changed.code[0]]
    assert changed.code[1:].tolist() == reports.code[2:].tolist()
    assert (reports.code == small_reports.code).all()
