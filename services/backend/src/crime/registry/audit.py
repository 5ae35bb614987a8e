"""Which version answers: a decision with reasons, written to the registry. Needs neither MLflow nor training code.

A challenger and the present champion score the same reports, the newest that the challenger's training did not see
(its bundle carries them). The alias moves only if every gate passes, or by force, with who and why on record.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from secrets import token_hex

from crime.registry.protocol import Registry

AUDIT_FOLDER = "monitoring/audit"


@dataclass(frozen=True)
class Act:
    """One decision about a model: `what` is promote, rollback, challenge or withdraw; `at` in UTC."""

    at: str
    what: str
    model: str
    version: str
    by: str
    why: str | None = None


def record_decision(registry: Registry, what: str, name: str, version: str, by: str, why: str | None = None) -> None:
    """Written before it is done, each in a file of its own that nothing writes again: no act without its record."""
    act = Act(registry_time(registry, "microseconds"), what, name, version, by, why)
    registry.save(
        f"{AUDIT_FOLDER}/{act.at[:26].replace(':', '')}-{token_hex(4)}.json", json.dumps(asdict(act)).encode()
    )


def read_decisions(registry: Registry) -> list[Act]:
    """Every decision, the newest first. Raises `RegistryError`."""
    return [Act(**json.loads(registry.load(path))) for path in reversed(registry.files(AUDIT_FOLDER))]


def registry_time(registry: Registry, digits: str = "seconds") -> str:
    return datetime.fromtimestamp(registry.time(), UTC).isoformat(timespec=digits)
