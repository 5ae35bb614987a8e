"""The audit log: decisions about versions, with who decided and why, one file each."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Literal

from crime.registry.protocol import Registry

AUDIT_FOLDER = "monitoring/audit"
Action = Literal["promote", "rollback", "challenge", "withdraw"]


@dataclass(frozen=True)
class Decision:
    """A decision about a version. `time`: ISO 8601 in UTC, by the registry's clock; `reason`: where one was given."""

    time: str
    action: Action
    model: str
    version: str
    by: str
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As the files and the API write it."""
        return {
            "at": self.time,
            "what": self.action,
            "model": self.model,
            "version": self.version,
            "by": self.by,
            "why": self.reason,
        }

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> "Decision":
        return cls(entry["at"], entry["what"], entry["model"], entry["version"], entry["by"], entry.get("why"))


def record_decision(
    registry: Registry, action: Action, name: str, version: str, by: str, reason: str | None = None
) -> None:
    """Write a decision to a file of its own. Call it before acting, so that nothing happens without a record.

    Raises `RegistryError`.
    """
    decision = Decision(registry_time(registry, "microseconds"), action, name, version, by, reason)
    file = f"{decision.time[:26].replace(':', '')}-{token_hex(4)}.json"  # sorts by time; unique at the same time
    registry.save(f"{AUDIT_FOLDER}/{file}", json.dumps(decision.as_json()).encode())


def read_decisions(registry: Registry) -> list[Decision]:
    """Every decision, the newest first. Raises `RegistryError`."""
    return [Decision.from_json(json.loads(registry.load(path))) for path in reversed(registry.files(AUDIT_FOLDER))]


def registry_time(registry: Registry, precision: Literal["seconds", "microseconds"] = "seconds") -> str:
    """Now in UTC by the registry's clock, as ISO 8601."""
    return datetime.fromtimestamp(registry.time(), UTC).isoformat(timespec=precision)
