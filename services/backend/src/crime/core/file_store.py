"""Files beside the models: in the folder `mlruns`, or in an MLflow server's artifact store."""

import json
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Literal, Protocol


class FileStore(Protocol):
    """Files by path, as `monitoring/predictions/1.csv`. Every method raises `RegistryError` if it can't be reached."""

    def time(self) -> float:
        """Seconds since 1970 by the store's clock, the clock that its files are dated with."""

    def save(self, path: str, content: bytes) -> None:
        """Write a file atomically: readers never see a part of it."""

    def load(self, path: str) -> bytes:
        """The content of a file."""

    def files(self, folder: str) -> list[str]:
        """Sorted paths of the entries of a folder; empty if it does not exist."""

    def remove(self, path: str) -> None:
        """Remove a folder and everything in it."""


def store_time(store: FileStore, precision: Literal["seconds", "microseconds"] = "seconds") -> str:
    """Now in UTC by the store's clock, as ISO 8601. Raises `RegistryError`."""
    return datetime.fromtimestamp(store.time(), UTC).isoformat(timespec=precision)


def append_entry(store: FileStore, folder: str, at: str, entry: dict[str, Any]) -> None:
    """Write an entry of a log to a JSON file of its own. `at`: `store_time` in microseconds. Raises `RegistryError`."""
    file = f"{at[:26].replace(':', '')}-{token_hex(4)}.json"  # sorts by time; unique at the same time
    store.save(f"{folder}/{file}", json.dumps(entry).encode())
