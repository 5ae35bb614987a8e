"""Files beside the models: in the folder `mlruns`, or in an MLflow server's artifact store."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Annotated, Any, Literal, Protocol, TypeVar

from pydantic import AfterValidator, Field

from crime.core import limits
from crime.core.errors import DataError, UnreadableFileError

ENTRY_NAME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{6}\.[0-9]{6})-[0-9a-f]{8}\.json")
ENTRY_TIME = "%Y-%m-%dT%H%M%S.%f"
EntryT = TypeVar("EntryT")


def _check_time(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or not 1970 <= moment.year < 2200:  # that every client can read
        raise ValueError("expected a time in UTC")
    return text


Time = Annotated[str, Field(max_length=40), AfterValidator(_check_time)]  # of an entry, as `store_time` writes it


class FileStore(Protocol):
    """Files by path, as `monitoring/predictions/1.csv`. Every method raises `RegistryError` if it can't be reached."""

    def time(self) -> float:
        """Seconds since 1970 by the store's clock, the clock that its files are dated with."""

    def save(self, path: str, content: bytes) -> None:
        """Write a file atomically: readers never see a part of it."""

    def load(self, path: str) -> bytes:
        """The content of a regular file. Raises `UnreadableFileError`, also above `limits.STORED_FILE_BYTES`."""

    def files(self, folder: str) -> list[str]:
        """Sorted paths of the entries of a folder; empty if it does not exist.

        Raises `UnreadableFileError` if it is no folder.
        """

    def remove(self, path: str) -> None:
        """Remove a folder and everything in it."""


def store_time(store: FileStore, precision: Literal["seconds", "microseconds"] = "seconds") -> str:
    """Now in UTC by the store's clock, as ISO 8601. Raises `RegistryError`."""
    return datetime.fromtimestamp(store.time(), UTC).isoformat(timespec=precision)


def entry_bytes(entry: dict[str, Any]) -> bytes:
    """An entry as JSON in UTF-8. Raises `DataError` if it is longer than `limits.ENTRY_BYTES`, which readers refuse."""
    content = json.dumps(entry, ensure_ascii=False).encode("utf-8", "replace")
    if len(content) > limits.ENTRY_BYTES:
        raise DataError(f"too long to be recorded: {len(content):,} bytes, expected {limits.ENTRY_BYTES:,} at most")
    return content


def entry_name(store: FileStore, folder: str, at: str) -> str:
    """A name for a new entry of a log: unique, and sorted behind all that are there, even if the clock went back.

    `at`: `store_time` in microseconds. Raises `RegistryError`.
    """
    time = at[:26].replace(":", "")
    names = (ENTRY_NAME.fullmatch(path.rpartition("/")[2]) for path in reversed(store.files(folder)))
    newest = next((name[1] for name in names if name), "")
    if newest >= time:
        with suppress(ValueError, OverflowError):  # no day of any calendar: not written by this software
            time = f"{datetime.strptime(newest, ENTRY_TIME) + timedelta(microseconds=1):{ENTRY_TIME}}"
    return f"{time}-{token_hex(4)}.json"


def append_entry(store: FileStore, folder: str, at: str, entry: dict[str, Any]) -> None:
    """Write an entry of a log to a JSON file of its own. `at`: `store_time` in microseconds.

    Raises `DataError` if it is too large, `RegistryError`.
    """
    content = entry_bytes(entry)
    store.save(f"{folder}/{entry_name(store, folder, at)}", content)


def read_entries(
    store: FileStore, paths: Iterable[str], parse: Callable[[bytes], EntryT], unreadable: list[str]
) -> Iterator[tuple[str, EntryT]]:
    """Each path with its parsed entry. What can't be read or what `parse` refuses by `ValueError` goes to `unreadable`.

    Raises `RegistryError` if the store can't be reached.
    """
    for path in paths:
        try:
            content = store.load(path)
            if len(content) > limits.ENTRY_BYTES:
                raise ValueError("too large")
            entry = parse(content)
        except (UnreadableFileError, ValueError):
            unreadable.append(path)
        else:
            yield path, entry
