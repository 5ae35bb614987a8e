"""Decisions of people about doubted records: append-only, one file each, in the registry's file store."""

from dataclasses import asdict, dataclass
from typing import Literal, get_args

import numpy as np
from pydantic import TypeAdapter

from crime.core.file_store import FileStore, Time, append_entry, read_entries, store_time
from crime.reports.categories import CATEGORY_OF_CODE, CRIME_CODES, crime_code_index
from crime.reports.systems import System
from crime.reports.table import Reports

FOLDER = "monitoring/review"
Judgement = Literal["wrong", "right", "unsure"]
JUDGEMENTS: tuple[Judgement, ...] = get_args(Judgement)


@dataclass(frozen=True)
class ReviewDecision:
    """What somebody decided about a record's crime code. `at`: ISO 8601 in UTC, by the store's clock.

    `number` of the report; `code` that is recorded, of `system`; `right_code`: where one was found; `note`: why.
    """

    at: Time
    by: str
    number: str
    system: System
    code: str
    judgement: Judgement
    right_code: str | None = None
    note: str = ""


_READER = TypeAdapter(ReviewDecision)
DecisionsByCode = dict[tuple[str, System, str], ReviewDecision]  # by report number, system and recorded code


class ReviewDecisions:
    """Reads and appends decisions. Nothing is ever changed: of two about a record the later one holds."""

    def __init__(self, store: FileStore):
        self.store = store
        self._by_path: dict[str, ReviewDecision] = {}  # cache: files never change

    def append(
        self,
        by: str,
        number: str,
        system: System,
        code: str,
        judgement: Judgement,
        right_code: str | None = None,
        note: str = "",
    ) -> ReviewDecision:
        """Write a decision. Raises `RegistryError`."""
        at = store_time(self.store, "microseconds")
        decision = ReviewDecision(at, by, number, system, code, judgement, right_code, note)
        append_entry(self.store, FOLDER, at, asdict(decision))
        return decision

    def read(self, unreadable: list[str] | None = None) -> list[ReviewDecision]:
        """Every decision that can be read, the oldest first. The paths of others go to `unreadable`.

        Raises `RegistryError`.
        """
        unreadable = [] if unreadable is None else unreadable
        paths = self.store.files(FOLDER)
        new = [path for path in paths if path not in self._by_path]
        self._by_path |= read_entries(self.store, new, _parse, unreadable)
        return [self._by_path[path] for path in paths if path in self._by_path]

    def latest(self) -> DecisionsByCode:
        """The decision that holds for each report's number, system and recorded code. Raises `RegistryError`."""
        return {(decision.number, decision.system, decision.code): decision for decision in self.read()}


def _parse(content: bytes) -> ReviewDecision:
    """The decision of a file. Raises `ValueError` unless it is one, about a crime code that there is."""
    decision = _READER.validate_json(content)
    for code in (decision.code, decision.right_code):
        if code is not None and (decision.system, code) not in crime_code_index():
            raise ValueError(f"no crime code {code}")
    return decision


def apply_decisions(reports: Reports, decisions: DecisionsByCode) -> Reports:
    """Reports with known codes, after decisions: one found wrong takes its right code, or is left out if none is known.

    All others stay as they are.
    """
    if not decisions:
        return reports
    code, is_kept = reports.code.copy(), np.ones(len(reports), bool)
    decided = np.isin(reports.fields["dr_no"].astype(str), [number for number, _, _ in decisions])
    for row in np.flatnonzero(decided).tolist():
        crime = CRIME_CODES[code[row]]
        decision = decisions.get((reports.fields["dr_no"][row], crime.system, crime.code))
        if decision is None or decision.judgement != "wrong":
            continue
        if decision.right_code is None:
            is_kept[row] = False
        else:
            code[row] = crime_code_index()[crime.system, decision.right_code]
    return Reports(reports.fields, code, CATEGORY_OF_CODE[code], reports.errors).take(np.flatnonzero(is_kept))
