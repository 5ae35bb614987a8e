"""The audit log: decisions about versions, with who decided and why, one file each."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from crime.core.file_store import append_entry, store_time
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
    decision = Decision(store_time(registry, "microseconds"), action, name, version, by, reason)
    append_entry(registry, AUDIT_FOLDER, decision.time, decision.as_json())


def read_decisions(registry: Registry) -> list[Decision]:
    """Every decision, the newest first. Raises `RegistryError`."""
    return [Decision.from_json(json.loads(registry.load(path))) for path in reversed(registry.files(AUDIT_FOLDER))]
