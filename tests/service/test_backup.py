"""A backup is restored into an empty registry of another kind, and nowhere else."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from crime.core.errors import RegistryError
from crime.core.settings import Settings
from crime.pipelines.backup import restore_backup
from crime.registry.audit import read_decisions
from crime.registry.lookup import open_registry
from crime.registry.promotion import promote
from crime.registry.served import ServedRegistry
from harness import Backend, Mlflow, Store, last_json, two_versions
from reports import SMALLEST_REPORT


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with two versions, a decision on record, and a recorded prediction."""
    used = two_versions().copy(tmp_path_factory.mktemp("used") / "mlruns")
    registry = open_registry(Settings(mlruns=used.mlruns))
    promote(registry, "crime-category", "2", "somebody", "to have one on record", force=True)
    registry.save("monitoring/predictions/2026-01-01/a.csv.gz", b"some predictions")
    return used


def test_it_comes_back_under_the_same_numbers_and_answers_the_same(
    used: Store, start: Callable[..., Backend], tmp_path: Path
) -> None:
    archive = tmp_path / "backup.tar.gz"
    saved = last_json(used.crime("backup", archive, "--json"))
    assert saved["versions"] == 2
    server = Mlflow.start(tmp_path / "mlflow")
    try:
        target, environment = Store(tmp_path / "none"), {"CRIME_TRACKING_URI": server.url}
        for _ in range(2):  # the second time it goes on from where it is: nothing is left to do
            assert last_json(target.crime("restore", archive, "--json", environment=environment)) == saved
        old, new = open_registry(Settings(mlruns=used.mlruns)), ServedRegistry(server.url)
        assert new.models()[0].aliases == old.models()[0].aliases
        for before, after in zip(old.versions("crime-category"), new.versions("crime-category"), strict=True):
            assert (before.version, before.metrics) == (after.version, after.metrics)
            assert before.tags.items() <= (after.tags | {"run": before.tags["run"]}).items()
        assert read_decisions(new) == read_decisions(old)
        assert [decision.by for decision in read_decisions(new) if decision.version == "2"] == ["somebody"]
        assert new.load("monitoring/predictions/2026-01-01/a.csv.gz") == b"some predictions"
        backends = start(mlruns=used.mlruns), start(tracking_uri=server.url)
        answers = [httpx.post(f"{backend.url}/predict", json=SMALLEST_REPORT).json() for backend in backends]
        assert answers[0] | {"inference_time_ms": 0} == answers[1] | {"inference_time_ms": 0}
    finally:
        server.stop()


def test_it_goes_into_no_registry_that_holds_something_else(used: Store, store: Store, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar.gz"
    used.crime("backup", archive)
    other = store.copy(tmp_path / "mlruns")
    assert "restore into an empty one" in other.crime("restore", archive, code=1).stderr
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(archive.read_bytes()[:-1000])
    assert "is not a complete backup" in Store(tmp_path / "new").crime("restore", cut, code=1).stderr


def test_backups_are_kept_on_s3_by_age_and_the_newest_is_restored(
    used: Store, object_store: dict[str, str], tmp_path: Path
) -> None:
    bucket = Path(object_store["FOLDER"]) / "models"
    (bucket / "backups").mkdir()
    old, foreign = "crime-20200101T000000Z.tar.gz", "registry.tar.gz"
    for name in (old, foreign):
        (bucket / "backups" / name).write_bytes(b"as it is")
    (bucket / old).write_bytes(b"of another path")
    keep = ("--keep-days", "30", "--json")
    saved = last_json(used.crime("backup", "s3://models/backups", *keep, environment=object_store))
    assert {path.name for path in bucket.iterdir()} >= {"backups", old}
    names = sorted(path.name for path in (bucket / "backups").iterdir())
    assert foreign in names
    assert old not in names
    target = Store(tmp_path / "mlruns")
    done = target.crime("restore", "s3://models/backups/", "--json", environment=object_store)
    assert last_json(done) == saved
    assert f"s3://models/backups/{names[0]}: 2 versions" in done.stdout
    one = f"s3://models/backups/{names[0]}"
    assert last_json(Store(tmp_path / "one").crime("restore", one, "--json", environment=object_store)) == saved
    for what, message in (("s3://none", "NoSuchBucket"), ("s3://models/empty", "holds no backup")):
        failed = Store(tmp_path / "none").crime("restore", what, code=1, environment=object_store).stderr
        assert message in failed
        assert "Traceback" not in failed
    wrong = object_store | {"AWS_SECRET_ACCESS_KEY": "a-guess"}
    failed = used.crime("backup", "s3://models/backups", code=1, environment=wrong).stderr
    assert "SignatureDoesNotMatch" in failed
    assert "a-guess" not in failed
    assert sorted(path.name for path in (bucket / "backups").iterdir()) == names


def test_a_registry_that_dies_during_a_restore_changes_no_answer_and_it_goes_on(
    used: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    archive = tmp_path / "backup.tar.gz"
    saved = last_json(used.crime("backup", archive, "--json"))
    server = Mlflow.start(tmp_path / "mlflow")

    def stop_at_the_second(step: str, _: float) -> None:
        if step == "crime-category version 2":
            server.stop()

    try:
        with pytest.raises(RegistryError):
            restore_backup(ServedRegistry(server.url), archive, stop_at_the_second)
        server = Mlflow.start(tmp_path / "mlflow")
        registry = ServedRegistry(server.url)
        assert [len(registry.versions("crime-category")), registry.models()[0].aliases] == [1, {}]
        assert (read_decisions(registry), registry.files("monitoring/predictions")) == ([], [])
        assert restore_backup(registry, archive).versions == saved["versions"]
        assert registry.models()[0].aliases == open_registry(Settings(mlruns=used.mlruns)).models()[0].aliases
    finally:
        server.stop()
