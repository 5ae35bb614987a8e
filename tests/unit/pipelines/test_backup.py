"""A backup holds everything of a registry, and goes into an empty one only."""

import json
import tarfile
from pathlib import Path
from typing import Any

import mlflow
import pytest
from crime.core.errors import BackupError, RegistryError
from crime.monitoring.review_decisions import ReviewDecisions
from crime.pipelines.backup import RESTORED_TAG, BackupResult, restore_backup, save_backup
from crime.pipelines.backup_index import INDEX_FILE
from crime.registry.audit import read_decisions
from crime.registry.embedded import EmbeddedRegistry
from published_store import PublishedStore

LOG_FILE = "monitoring/predictions/2026-01-01/a.csv.gz"


@pytest.fixture(scope="module")
def archive(published: PublishedStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    published.registry.save(LOG_FILE, b"some predictions")
    ReviewDecisions(published.registry).append("Ada", "200106753", "legacy", "624", "unsure")
    path = tmp_path_factory.mktemp("backup") / "backup.tar.gz"
    saved = save_backup(published.registry, path)
    # two promotions and their outcomes, a decision of the review, predictions
    assert saved == BackupResult(versions=2, files=6)
    return path


@pytest.fixture(scope="module")
def restored(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> EmbeddedRegistry:
    registry = EmbeddedRegistry(tmp_path_factory.mktemp("restored") / "mlruns")
    assert restore_backup(registry, archive) == BackupResult(versions=2, files=6)
    return registry


def test_versions_come_back_under_their_numbers(published: PublishedStore, restored: EmbeddedRegistry) -> None:
    assert restored.models() == published.registry.models()
    before, after = published.registry.versions("crime-category"), restored.versions("crime-category")
    assert [(v.version, v.aliases, v.metrics) for v in after] == [(v.version, v.aliases, v.metrics) for v in before]
    for old, new in zip(before, after, strict=True):
        assert new.tags[RESTORED_TAG]
        assert {**new.tags, "run": ""}.items() >= {**old.tags, "run": ""}.items()
        old_bundle = published.registry.bundle("crime-category", old.version)
        new_bundle = restored.bundle("crime-category", new.version)
        for file in old_bundle.iterdir():
            assert (new_bundle / file.name).read_bytes() == file.read_bytes()


def test_files_come_back(published: PublishedStore, restored: EmbeddedRegistry) -> None:
    assert restored.load(LOG_FILE) == b"some predictions"
    assert read_decisions(restored) == read_decisions(published.registry)
    assert ReviewDecisions(restored).read() == ReviewDecisions(published.registry).read() != []


def test_a_second_restore_changes_nothing(archive: Path, restored: EmbeddedRegistry) -> None:
    before = restored.versions("crime-category")
    assert restore_backup(restored, archive) == BackupResult(versions=2, files=6)
    assert restored.versions("crime-category") == before


def test_a_version_that_was_deleted_leaves_its_number_free(archive: Path, tmp_path: Path) -> None:
    """Version 1 is missing from the archive, as if it had been deleted before the backup."""
    with tarfile.open(archive) as whole:
        whole.extractall(tmp_path / "unpacked", filter="data")
    index = json.loads((tmp_path / "unpacked" / INDEX_FILE).read_text())
    index["models"][0]["versions"] = [v for v in index["models"][0]["versions"] if v["version"] == "2"]
    index["models"][0]["aliases"] = {"champion": "2"}
    (tmp_path / "unpacked" / INDEX_FILE).write_text(json.dumps(index))
    with tarfile.open(tmp_path / "gap.tar.gz", "w:gz") as gap:
        gap.add(tmp_path / "unpacked", "")
    registry = EmbeddedRegistry(tmp_path / "mlruns")
    restore_backup(registry, tmp_path / "gap.tar.gz")
    assert [v.version for v in registry.versions("crime-category")] == ["2"]
    assert registry.version("crime-category") == "2"


def test_a_registry_that_holds_something_else_is_refused(published: PublishedStore, archive: Path) -> None:
    with pytest.raises(BackupError, match="restore into an empty one"):
        restore_backup(published.registry, archive)


def test_a_damaged_archive_is_refused(archive: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(archive.read_bytes()[:-1000])
    with pytest.raises(BackupError, match="is not a complete backup"):
        restore_backup(EmbeddedRegistry(tmp_path / "mlruns"), cut)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"format": 2, "models": {}}, "is a backup of another format: 2"),
        ({"format": 1, "models": [{"name": "crime-category"}]}, "is not a complete backup"),
        ({"models": []}, "is not a complete backup"),
    ],
)
def test_an_index_of_another_form_is_refused(index: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / INDEX_FILE).write_text(json.dumps(index))
    with tarfile.open(tmp_path / "other.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / INDEX_FILE, INDEX_FILE)
    with pytest.raises(BackupError, match=message):
        restore_backup(EmbeddedRegistry(tmp_path / "mlruns"), tmp_path / "other.tar.gz")


def test_nothing_is_written_where_there_is_no_registry(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="no MLflow store"):
        save_backup(EmbeddedRegistry(tmp_path / "mlruns"), tmp_path / "backup.tar.gz")
    assert list(tmp_path.iterdir()) == []


def test_the_restored_run_has_its_parameters(published: PublishedStore, restored: EmbeddedRegistry) -> None:
    runs = []
    for registry in (published.registry, restored):
        mlflow.set_tracking_uri(registry.tracking_uri)
        run_id = registry.versions("crime-category")[0].run_id
        assert run_id
        runs.append(mlflow.MlflowClient().get_run(run_id))
    assert runs[0].data.params == runs[1].data.params
    assert runs[0].info.run_name == runs[1].info.run_name
