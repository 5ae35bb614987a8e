"""The embedded registry reads the tables that MLflow writes, and keeps files beside them."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from crime.core.errors import ModelNotFoundError, RegistryError, UnreadableFileError, VersionGoneError
from crime.registry.embedded import EmbeddedRegistry
from crime.registry.protocol import RegisteredModel

NAME = "crime-category"


@pytest.fixture(scope="session")
def mlruns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that MLflow made: three versions of one model, the second deleted, and a forecast without aliases."""
    mlruns = tmp_path_factory.mktemp("embedded") / "mlruns"
    mlruns.mkdir()
    client = mlflow.MlflowClient(EmbeddedRegistry(mlruns).tracking_uri)
    run = client.create_run(client.create_experiment(NAME, artifact_location=(mlruns / "artifacts").as_uri()))
    client.log_metric(run.info.run_id, "overall.log_loss", 0.9)
    client.log_metric(run.info.run_id, "overall.log_loss", 0.2)  # the latest counts
    client.create_registered_model(NAME, description="Categories of reports")
    client.create_registered_model("crime-risk")
    for number in (1, 2, 3):
        source = (mlruns / f"a folder {number}").as_uri()
        client.create_model_version(NAME, source, run.info.run_id, tags={"number": str(number)})
    client.create_model_version("crime-risk", str(mlruns / "plain"), None)
    client.delete_model_version(NAME, "2")
    client.set_registered_model_alias(NAME, "champion", "1")
    client.set_registered_model_alias(NAME, "challenger", "3")
    return mlruns


@pytest.fixture
def registry(mlruns: Path) -> EmbeddedRegistry:
    return EmbeddedRegistry(mlruns)


def test_models_have_their_aliases_and_latest_version(registry: EmbeddedRegistry) -> None:
    assert registry.models() == [
        RegisteredModel(NAME, "Categories of reports", "3", {"champion": "1", "challenger": "3"}),
        RegisteredModel("crime-risk", "", "1", {}),
    ]


def test_versions_are_listed_the_newest_first_without_deleted_ones(registry: EmbeddedRegistry) -> None:
    third, first = registry.versions(NAME)
    assert (third.version, third.aliases, third.tags) == ("3", ["challenger"], {"number": "3"})
    assert (first.version, first.aliases, first.tags) == ("1", ["champion"], {"number": "1"})
    assert first.metrics == {"overall.log_loss": 0.2}
    assert first.run_id
    assert first.created
    assert first.created > 1_700_000_000_000
    assert registry.versions("crime-none") == []


def test_an_alias_names_a_version(registry: EmbeddedRegistry) -> None:
    assert registry.version(NAME) == "1"
    assert registry.version(NAME, "challenger") == "3"
    assert registry.tags(NAME, "3") == {"number": "3"}


def test_a_bundle_is_read_where_it_is_stored(registry: EmbeddedRegistry, mlruns: Path) -> None:
    assert registry.bundle(NAME, "1") == mlruns / "a folder 1" / "data" / "bundle"
    assert registry.bundle("crime-risk", "1") == mlruns / "plain" / "data" / "bundle"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("crime-category", "no model crime-category@previous in .*: `crime train` makes one"),
        ("crime-risk", "no model crime-risk@previous in .*: `crime forecast` makes one"),
    ],
)
def test_what_is_missing_is_named_with_the_command_that_makes_it(
    name: str, message: str, registry: EmbeddedRegistry
) -> None:
    with pytest.raises(ModelNotFoundError, match=message):
        registry.version(name, "previous")


@pytest.mark.parametrize("version", ["2", "77"])
def test_a_deleted_or_unknown_version_has_no_bundle(version: str, registry: EmbeddedRegistry) -> None:
    with pytest.raises(ModelNotFoundError, match=f"{NAME} version {version}"):
        registry.bundle(NAME, version)


def test_aliases_of_a_deleted_version_are_none(mlruns: Path, tmp_path: Path) -> None:
    """MLflow removes them with the version; another writer may set one just then."""
    shutil.copy(mlruns / "mlflow.db", tmp_path)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        database.execute("UPDATE registered_model_aliases SET version = 2 WHERE alias = 'champion'")
    registry = EmbeddedRegistry(tmp_path)
    assert registry.models()[0].aliases == {"challenger": "3"}
    with pytest.raises(VersionGoneError, match="version 2, which was deleted"):
        registry.version(NAME)
    with pytest.raises(ModelNotFoundError, match=f"{NAME} version 2"):
        registry.tags(NAME, "2")


@pytest.mark.parametrize("version", ["2", "77"])
def test_what_mlflow_refuses_is_an_error_of_the_registry(version: str, registry: EmbeddedRegistry) -> None:
    with pytest.raises(ModelNotFoundError, match="not found"):
        registry.set_alias(NAME, "champion", version)
    with pytest.raises(ModelNotFoundError, match="not found"):
        registry.set_tags(NAME, version, {"a": "b"})
    with pytest.raises(ModelNotFoundError, match="not found"):
        registry.set_alias("crime-none", "champion", "1")
    assert registry.version(NAME) == "1"


def test_a_store_that_can_not_be_written_is_an_error_of_the_registry(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
    with pytest.raises(RegistryError):
        EmbeddedRegistry(tmp_path).set_alias(NAME, "champion", "1")


def test_only_regular_files_of_bounded_size_are_read(tmp_path: Path) -> None:
    store = EmbeddedRegistry(tmp_path)
    store.save("audit/whole.json", b"{}")
    (tmp_path / "audit/folder.json").mkdir()
    os.mkfifo(tmp_path / "audit/pipe.json")
    (tmp_path / "secret").write_bytes(b"of somebody else")
    (tmp_path / "audit/link.json").symlink_to(tmp_path / "secret")
    with (tmp_path / "audit/huge.json").open("wb") as file:
        file.truncate(1 << 40)
    assert len(store.files("audit")) == 5
    for name in ("folder", "pipe", "link", "huge", "missing"):
        with pytest.raises(UnreadableFileError):
            store.load(f"audit/{name}.json")
    assert store.load("audit/whole.json") == b"{}"
    with pytest.raises(UnreadableFileError):
        store.files("audit/whole.json")


def test_aliases_and_tags_are_written(registry: EmbeddedRegistry) -> None:
    registry.set_alias("crime-risk", "champion", "1")
    assert registry.version("crime-risk") == "1"
    registry.set_tags("crime-risk", "1", {"verdict": "champion: the first one"})
    assert registry.tags("crime-risk", "1") == {"verdict": "champion: the first one"}
    registry.delete_alias("crime-risk", "champion")
    with pytest.raises(ModelNotFoundError):
        registry.version("crime-risk")


def test_a_store_that_is_missing_or_damaged(tmp_path: Path) -> None:
    registry = EmbeddedRegistry(tmp_path)
    with pytest.raises(RegistryError, match="no MLflow store in"):
        registry.models()
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
    with pytest.raises(RegistryError, match="can't be read"):
        registry.version(NAME)


def test_a_locked_store_is_an_error_after_a_while(
    registry: EmbeddedRegistry, mlruns: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crime.registry.embedded.LOCK_TIMEOUT_SECONDS", 0.01)
    other = sqlite3.connect(mlruns / "mlflow.db")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(RegistryError, match="locked"):
        registry.version(NAME)
    other.close()
    assert registry.version(NAME) == "1"


def test_files_are_kept_beside_the_models(tmp_path: Path) -> None:
    store = EmbeddedRegistry(tmp_path)
    assert store.files("monitoring/days") == []
    store.save("monitoring/days/2026-01-02/b.csv", b"b")
    store.save("monitoring/days/2026-01-01/a.csv", b"a")
    store.save("monitoring/days/2026-01-01/a.csv", b"newer")
    (tmp_path / "monitoring/days/2026-01-01/.hidden").write_bytes(b"of a write that was cut")
    assert store.files("monitoring/days") == ["monitoring/days/2026-01-01", "monitoring/days/2026-01-02"]
    assert store.files("monitoring/days/2026-01-01") == ["monitoring/days/2026-01-01/a.csv"]
    assert store.load("monitoring/days/2026-01-01/a.csv") == b"newer"
    store.remove("monitoring/days/2026-01-01")
    store.remove("monitoring/days/2026-01-01")
    assert store.files("monitoring/days") == ["monitoring/days/2026-01-02"]
    with pytest.raises(RegistryError):
        store.load("monitoring/days/2026-01-01/a.csv")
    (tmp_path / "full").write_bytes(b"a file where a folder should be")
    with pytest.raises(RegistryError):
        store.save("full/a.csv", b"a")
