"""The audit log: decisions about versions, with who decided and why, and what became of them.

Each is written twice: the intent before anything changes, and the outcome after it, in files of the same name in two
folders. An intent without an outcome is of a writer that was killed, or that is still at work.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from crime.core.errors import CrimeError, RegistryError, UnreadableFileError
from crime.core.file_store import Time, entry_bytes, entry_name, read_entries, store_time
from crime.registry.protocol import Registry

AUDIT_FOLDER, OUTCOME_FOLDER = "monitoring/audit", "monitoring/audit-outcomes"
MAX_WHY_CHARACTERS = 2_000  # of what failed
Action = Literal["promote", "rollback", "challenge", "withdraw"]
Outcome = Literal["done", "failed"]
Warn = Callable[[str], None]
_PLAIN_ID = re.compile(r"[\w.-]{1,100}")


@dataclass(frozen=True)
class Decision:
    """A decision about a version. `time`: ISO 8601 in UTC, by the registry's clock; `reason`: where one was given.

    `id`: the name of its files; None of earlier releases, which recorded no outcomes. `outcome`: None as long as none
    is recorded. `problem`: why it failed, or what went wrong although it is done; without an outcome, what holds now.
    """

    time: str
    action: Action
    model: str
    version: str
    by: str
    reason: str | None = None
    id: str | None = None
    outcome: Outcome | None = None
    problem: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As the API writes it."""
        return {
            "at": self.time,
            "what": self.action,
            "model": self.model,
            "version": self.version,
            "by": self.by,
            "why": self.reason,
            "outcome": self.outcome or ("not known" if self.id else "not recorded"),
            "problem": self.problem,
        }


class _Intent(BaseModel):
    """The file of an intent."""

    id: str | None = None
    at: Time
    what: Action
    model: str
    version: str
    by: str
    why: str | None = None


class _OutcomeEntry(BaseModel):
    """The file of an outcome."""

    at: Time
    outcome: Outcome
    problem: str | None = None


def record_intent(
    registry: Registry, action: Action, name: str, version: str, by: str, reason: str | None = None
) -> str:
    """Write what is about to happen to a file of its own, so that nothing happens without a record. Returns its id.

    Raises `DataError` if the texts are too long, `RegistryError`.
    """
    time = store_time(registry, "microseconds")
    file = entry_name(registry, AUDIT_FOLDER, time)
    intent = _Intent(
        id=file.removesuffix(".json"), at=time, what=action, model=name, version=version, by=by, why=reason
    )
    registry.save(f"{AUDIT_FOLDER}/{file}", entry_bytes(intent.model_dump()))
    return file.removesuffix(".json")


def record_outcome(registry: Registry, decision: str, outcome: Outcome, problem: str | None = None) -> None:
    """Write what became of the decision with this id. Raises `RegistryError`."""
    time = store_time(registry, "microseconds")
    entry = {"id": decision, "at": time, "outcome": outcome, "problem": problem and problem[:MAX_WHY_CHARACTERS]}
    if _PLAIN_ID.fullmatch(decision):  # a tag that somebody else wrote names no file of this log
        registry.save(f"{OUTCOME_FOLDER}/{decision}.json", entry_bytes(entry))


@contextmanager
def recorded(registry: Registry, decision: str, happened: Callable[[], bool], warn: Warn) -> Iterator[None]:
    """Carry out the decision with this id, and record its outcome, also of an error.

    A decision that `happened` in spite of an error (its last tag was not written, or an answer was lost) is done, and
    `warn` is told. So it is of an outcome that can't be recorded. Raises `CrimeError` if it did not happen.
    """
    outcome: Outcome | None = "done"
    failure: Exception | None = None
    try:
        yield
    except Exception as error:  # a kill or Ctrl-C leaves the intent alone: nobody knows how far it came
        failure = error
        try:
            outcome = "done" if happened() else "failed"
        except RegistryError:
            outcome = None
    problem = (str(failure) or type(failure).__name__) if failure else None
    if outcome:
        try:
            record_outcome(registry, decision, outcome, problem)
        except CrimeError as error:
            warn(f"the outcome could not be recorded: {error}")
    if failure and outcome != "done":
        raise failure
    if problem:
        warn(f"done, but {problem}")


def read_decisions(registry: Registry, unreadable: list[str] | None = None) -> list[Decision]:
    """Every decision that can be read, the newest first, with its outcome. The paths of others go to `unreadable`.

    Raises `RegistryError`.
    """
    unreadable = [] if unreadable is None else unreadable
    intents = dict(read_entries(registry, registry.files(AUDIT_FOLDER), _Intent.model_validate_json, unreadable))
    try:
        paths = registry.files(OUTCOME_FOLDER)
    except UnreadableFileError:
        paths = []
        unreadable.append(OUTCOME_FOLDER)
    outcomes = {
        path.rpartition("/")[2]: entry
        for path, entry in read_entries(registry, paths, _OutcomeEntry.model_validate_json, unreadable)
    }
    decisions: list[Decision] = []
    now: dict[str, str] | None = None
    for path, intent in sorted(intents.items(), reverse=True):
        file = path.rpartition("/")[2]
        outcome = outcomes.get(file) if intent.id else None
        problem = outcome.problem if outcome else None
        if intent.id and not outcome:
            now = _aliases_now(registry) if now is None else now
            problem = f"interrupted, or still at work; now {now.get(intent.model, 'it has no champion')}"
        decisions.append(
            Decision(
                intent.at,
                intent.what,
                intent.model,
                intent.version,
                intent.by,
                intent.why,
                file.removesuffix(".json") if intent.id else None,
                outcome.outcome if outcome else None,
                problem,
            )
        )
    return decisions


def _aliases_now(registry: Registry) -> dict[str, str]:
    """By model, which versions have which aliases, as a text."""
    return {
        model.name: ", ".join(f"{alias} is {version}" for alias, version in sorted(model.aliases.items()))
        for model in registry.models()
        if model.aliases
    }
