"""Backups of a folder are named by time and kept by age; the newest is restored."""

import errno
import os
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from crime.core.errors import BackupError, RegistryError
from crime.pipelines import backup_places
from crime.pipelines.backup import BackupResult
from crime.pipelines.backup_places import INCOMPLETE, backup_to, restore_from
from crime.registry.embedded import EmbeddedRegistry
from published_store import PublishedStore

NAME = "crime-category"
NOW = datetime(2026, 11, 26, 17, 5, tzinfo=UTC)
TODAY, WEEK_AGO, MONTH_AGO, YEAR_AGO = (
    f"crime-{day}T170500Z.tar.gz" for day in ("20261126", "20261119", "20261027", "20251126")
)


@pytest.fixture(scope="module")
def whole(published: PublishedStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "whole.tar.gz"
    assert backup_to(published.registry, str(path))[0] == str(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def save(
    published: PublishedStore, folder: Path, keep_days: int | None = None, now: datetime = NOW
) -> tuple[str, BackupResult]:
    return backup_to(published.registry, str(folder), keep_days, clock=lambda: now)


def test_older_ones_go_and_files_of_others_stay(published: PublishedStore, folder: Path) -> None:
    foreign = {
        "notes.txt",
        "registry.tar.gz",
        "crime-20200101.tar.gz",
        "crime-20201301T000000Z.tar.gz",  # no month
        "crime-20200101T000000Z.tar.gz.old",
        "old-crime-20200101T000000Z.tar.gz",
        f"{YEAR_AGO}\n",
    }
    for name in {WEEK_AGO, MONTH_AGO, YEAR_AGO} | foreign:
        (folder / name).write_bytes(b"as it is")
    (folder / "crime-20200101T000000Z.tar.gz").mkdir()
    (folder / "crime-20200102T000000Z.tar.gz").symlink_to(folder / "notes.txt")
    kept = foreign | {"crime-20200101T000000Z.tar.gz", "crime-20200102T000000Z.tar.gz"}
    name, saved = save(published, folder, keep_days=30)
    assert name == str(folder / TODAY)
    assert saved.versions == 2
    assert names(folder) == {TODAY, WEEK_AGO, MONTH_AGO} | kept
    save(published, folder, keep_days=8, now=NOW.replace(hour=18))
    assert names(folder) == {TODAY, "crime-20261126T180500Z.tar.gz", WEEK_AGO} | kept


def test_without_an_age_all_stay(published: PublishedStore, folder: Path) -> None:
    (folder / YEAR_AGO).write_bytes(b"")
    save(published, folder)
    assert names(folder) == {TODAY, YEAR_AGO}


def test_the_newest_is_restored(published: PublishedStore, whole: Path, folder: Path, tmp_path: Path) -> None:
    for name in (YEAR_AGO, WEEK_AGO, "crime-99991231T235959Z.tar.gz", "a.tar.gz", "z.tar.gz", f".{TODAY}.0.part"):
        (folder / name).write_bytes(b"no backup")
    (folder / TODAY).write_bytes(whole.read_bytes())
    target = EmbeddedRegistry(tmp_path / "mlruns")
    name, restored = restore_from(target, str(folder))
    assert (name, restored.versions) == (str(folder / TODAY), 2)
    assert target.version(NAME) == published.registry.version(NAME)
    with pytest.raises(BackupError, match="is not a complete backup"):
        restore_from(EmbeddedRegistry(tmp_path / "other"), str(folder / WEEK_AGO))


def test_a_clock_that_was_put_back_hides_no_newer_backup(published: PublishedStore, folder: Path) -> None:
    """The new one has a later name than those of the wrong clock, which stay, and is not removed for its age."""
    save(published, folder, now=NOW)
    name, _ = save(published, folder, keep_days=1, now=datetime(2020, 1, 1, tzinfo=UTC))
    assert name == str(folder / "crime-20261126T170501Z.tar.gz")
    assert names(folder) == {TODAY, "crime-20261126T170501Z.tar.gz"}


def test_two_in_one_second_have_names_of_their_own(published: PublishedStore, folder: Path) -> None:
    first, second = save(published, folder)[0], save(published, folder)[0]
    assert first < second
    assert len(names(folder)) == 2


KILLED = """
import os, sys, tarfile
from pathlib import Path
from crime.pipelines.backup_places import backup_to
from crime.registry.embedded import EmbeddedRegistry

tarfile.TarFile.close = lambda *_: os._exit(9)
backup_to(EmbeddedRegistry(Path(sys.argv[1])), sys.argv[2], 1)
"""


def test_one_that_is_killed_leaves_nothing_that_is_restored(published: PublishedStore, folder: Path) -> None:
    (folder / YEAR_AGO).write_bytes(b"")
    command = [sys.executable, "-c", KILLED, str(published.registry.mlruns), str(folder)]
    assert subprocess.run(command, timeout=120, check=False).returncode == 9
    assert len(names(folder)) == 2
    assert [name for name in names(folder) if backup_places.time_of(name)] == [YEAR_AGO]
    save(published, folder, keep_days=1)  # removes what the killed one left, too
    assert names(folder) == {TODAY}


def test_a_full_disk_removes_nothing(published: PublishedStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / YEAR_AGO).write_bytes(b"")

    def full(*_: Any, **__: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tarfile, "copyfileobj", full)
        with pytest.raises(BackupError, match="No space left on device"):
            save(published, folder, keep_days=1)
    assert names(folder) == {YEAR_AGO}
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left on device"):
            save(published, folder, keep_days=1)
    assert names(folder) == {YEAR_AGO}


def test_one_with_something_left_out_is_restored_by_its_name_alone(
    published: PublishedStore, whole: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / YEAR_AGO).write_bytes(whole.read_bytes())
    bundle = published.registry.bundle

    def some(name: str, version: str) -> Path:
        if version == "2":
            raise RegistryError("no answer")
        return bundle(name, version)

    monkeypatch.setattr(published.registry, "bundle", some)
    for _ in range(2):
        name, saved = save(published, folder, keep_days=1)
        assert name == str(folder / INCOMPLETE)
        assert saved.left_out
        assert names(folder) == {INCOMPLETE, YEAR_AGO}
    assert restore_from(EmbeddedRegistry(tmp_path / "a"), str(folder))[0] == str(folder / YEAR_AGO)
    assert restore_from(EmbeddedRegistry(tmp_path / "b"), str(folder / INCOMPLETE))[1].versions == 1


def test_a_registry_that_goes_meanwhile_writes_no_backup_without_figures(
    published: PublishedStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    def gone(*_: Any) -> None:
        raise mlflow.MlflowException("connection refused")

    monkeypatch.setattr(mlflow.MlflowClient, "get_run", gone)
    with pytest.raises(RegistryError, match="connection refused"):
        save(published, folder)
    assert names(folder) == set()


def test_targets_that_are_none_are_refused(published: PublishedStore, folder: Path, tmp_path: Path) -> None:
    target = EmbeddedRegistry(tmp_path / "mlruns")
    with pytest.raises(BackupError, match="holds no backup, whose name would be like crime-20"):
        restore_from(target, str(folder))
    with pytest.raises(BackupError, match="is no folder"):
        backup_to(published.registry, f"{tmp_path}/missing/")
    with pytest.raises(BackupError, match="--keep-days needs a folder"):
        backup_to(published.registry, str(tmp_path / "one.tar.gz"), keep_days=1)
    with pytest.raises(BackupError, match="expected s3://BUCKET/PATH"):
        backup_to(published.registry, "s3://")
    assert names(tmp_path) == {"backups"}


def test_an_object_store_that_does_not_answer_is_one_clear_error(
    published: PublishedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "MLFLOW_S3_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BackupError, match="s3://bucket/backups: Could not connect"):
        backup_to(published.registry, "s3://bucket/backups")
