"""Where backups are: in a file, or in a folder or an S3 path that keeps those of several times.

These are named by the time in UTC, such as `crime-20261126T170500Z.tar.gz`. A file has such a name only if it is whole
and nothing was left out.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from crime.core import limits
from crime.core.errors import BackupError
from crime.core.progress import Progress, no_progress
from crime.pipelines.backup import BackupResult, restore_backup, save_backup
from crime.registry.protocol import Registry

ENDING = ".tar.gz"
TIME_FORMAT = f"crime-%Y%m%dT%H%M%SZ{ENDING}"
INCOMPLETE = f"crime-incomplete{ENDING}"  # the latest from which something was left out
S3 = "s3://"


class Place(Protocol):
    """Holds files by name. Methods raise `BackupError` or `OSError`."""

    def names(self) -> Sequence[str]:
        """Names of the files."""

    def written(self, name: str) -> Any:
        """A context with a local path to write to, with this name."""

    def put(self, path: Path, name: str) -> None:
        """Take over what was written to a path of `written`, as a whole and under another name if need be."""

    def read(self, name: str) -> Any:
        """A context with a local path to read a file from."""

    def remove(self, name: str) -> None:
        """Remove a file."""


def backup_to(
    registry: Registry,
    target: str,
    keep_days: int | None = None,
    progress: Progress = no_progress,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[str, BackupResult]:
    """Write a backup to a file, or beside those of other times. Returns its name and what it holds.

    `keep_days`: those that are older are then removed, but not the new one, not files with other names, and none if
    anything was left out. Raises `BackupError`, `RegistryError` and `OSError`.
    """
    place, name = _open_place(target)
    if name and keep_days is not None:
        raise BackupError("--keep-days needs a folder or s3://BUCKET/PATH, where backups of several times are")
    timed = not name
    with place.written(name or INCOMPLETE) as path:
        saved = save_backup(registry, path, progress)
        if timed:
            name = INCOMPLETE if saved.left_out else _next_name(place.names(), clock())
        place.put(path, name)
    if keep_days is not None and not saved.left_out:
        oldest = clock() - timedelta(days=keep_days)
        for other in place.names():
            time = time_of(other)
            if time and time < oldest and other != name:
                place.remove(other)
    return f"{place}/{name}", saved


def restore_from(registry: Registry, source: str, progress: Progress = no_progress) -> tuple[str, BackupResult]:
    """Restore a file, or the newest backup of a folder or an S3 path. Returns its name and what it held.

    Raises what `restore_backup` does, and `OSError`.
    """
    place, name = _open_place(source)
    name = name or max(filter(time_of, place.names()), default="")
    if not name:
        raise BackupError(f"{place} holds no backup, whose name would be like {datetime.now(UTC):{TIME_FORMAT}}")
    with place.read(name) as path:
        return f"{place}/{name}", restore_backup(registry, path, progress)


def time_of(name: str) -> datetime | None:
    """The time in the name of a kept backup; None for any other name."""
    if not re.fullmatch(r"crime-20[0-9]{6}T[0-9]{6}Z\.tar\.gz", name):
        return None
    try:
        return datetime.strptime(name, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def _next_name(names: Sequence[str], now: datetime) -> str:
    """The name of a new backup: by the time, or just after the last one's where the clock was put back."""
    times = [time + timedelta(seconds=1) for name in names if (time := time_of(name))]
    return f"{max([now, *times]):{TIME_FORMAT}}"


def _open_place(target: str) -> tuple[Place, str]:
    """The place, and the name of a file in it; empty if the target is a folder."""
    if target.startswith(S3):
        folder, name = target.rpartition("/")[::2] if target.endswith(ENDING) else (target, "")
        return _S3Path(folder), name
    path = Path(target)
    if path.is_dir():
        return _Folder(path), ""
    if target.endswith(os.sep):
        raise BackupError(f"{target} is no folder")
    return _Folder(path.parent), path.name


class _Folder:
    """A folder, such as the volume of a claim."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    def names(self) -> Sequence[str]:
        return [entry.name for entry in os.scandir(self.folder) if entry.is_file(follow_symlinks=False)]

    @contextmanager
    def written(self, name: str) -> Iterator[Path]:
        yield self.folder / name

    def put(self, path: Path, name: str) -> None:
        path.replace(self.folder / name)

    @contextmanager
    def read(self, name: str) -> Iterator[Path]:
        yield self.folder / name

    def remove(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)


class _S3Path:
    """A path in a bucket. Address, keys and region come from the variables that MLflow and boto3 know."""

    def __init__(self, address: str):
        """`address`: `s3://BUCKET/PATH` or `s3://BUCKET`. Raises `BackupError`."""
        self.address = address.rstrip("/")
        self.bucket, _, path = address.removeprefix(S3).rstrip("/").partition("/")
        self.prefix = f"{path}/" if path else ""
        if not self.bucket:
            raise BackupError(f"{address}: expected s3://BUCKET/PATH")
        import boto3

        with self._errors():
            self.client = boto3.client("s3", endpoint_url=os.environ.get("MLFLOW_S3_ENDPOINT_URL") or None)

    def __str__(self) -> str:
        return self.address

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (Boto3Error, BotoCoreError, ClientError, ValueError) as error:
            raise BackupError(f"{self.address}: {error}") from None

    def names(self) -> Sequence[str]:
        with self._errors():
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix, Delimiter="/"
            )
            return [found["Key"].removeprefix(self.prefix) for page in pages for found in page.get("Contents", ())]

    @contextmanager
    def written(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="crime-") as folder:
            yield Path(folder) / name

    def put(self, path: Path, name: str) -> None:
        with self._errors():
            self.client.upload_file(str(path), self.bucket, self.prefix + name)

    @contextmanager
    def read(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="crime-") as folder:
            path = Path(folder) / name
            with self._errors():
                size = self.client.head_object(Bucket=self.bucket, Key=self.prefix + name)["ContentLength"]
                if size > limits.BACKUP_BYTES:
                    raise BackupError(
                        f"{self.address}/{name} has {size:,} bytes, expected {limits.BACKUP_BYTES:,} at most"
                    )
                self.client.download_file(self.bucket, self.prefix + name, str(path))
            yield path

    def remove(self, name: str) -> None:
        with self._errors():
            self.client.delete_object(Bucket=self.bucket, Key=self.prefix + name)
