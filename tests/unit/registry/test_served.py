"""The served registry against a small HTTP server that answers as MLflow's REST API does."""

import json
import shutil
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.errors import ModelNotFoundError, RegistryError, UnreadableFileError, VersionGoneError
from crime.registry.protocol import RegisteredModel
from crime.registry.served import CACHED_VERSIONS, ServedRegistry
from mlflow_like import NAME, MlflowLike

Serve = Callable[[type[BaseHTTPRequestHandler]], ServedRegistry]


def test_models_and_versions(registry: ServedRegistry) -> None:
    assert registry.models() == [RegisteredModel(NAME, "", "10", {"champion": "2"})]
    second, first = registry.versions(NAME)
    assert (second.version, second.aliases, second.tags) == ("2", ["champion"], {"a": "b"})
    assert (second.created, second.run_id, second.metrics) == (1_767_225_600_000, "r", {"overall.log_loss": 0.2})
    assert (first.version, first.aliases, first.tags, first.metrics) == ("1", [], {}, {})
    assert registry.version(NAME) == "2"
    assert registry.tags(NAME, "2") == {"a": "b"}


def test_aliases_and_tags_are_written(registry: ServedRegistry, mlflow_like: type[MlflowLike]) -> None:
    registry.set_alias(NAME, "challenger", "1")
    registry.delete_alias(NAME, "champion")
    registry.set_tags(NAME, "2", {"promotion": "begun", "verdict": "champion"})
    assert mlflow_like.aliases == {"challenger": "1"}
    assert list(mlflow_like.tags) == ["a", "promotion", "verdict"]
    with pytest.raises(ModelNotFoundError, match=f"no model {NAME}@champion in .*`crime train` makes one"):
        registry.version(NAME)
    with pytest.raises(ModelNotFoundError, match="`crime forecast` makes one"):
        registry.version("crime-risk")


def test_aliases_of_a_deleted_version_are_none(registry: ServedRegistry, mlflow_like: type[MlflowLike]) -> None:
    """MLflow removes them with the version; another writer may set one just then."""
    mlflow_like.deleted = ("2",)
    assert registry.models()[0].aliases == {}
    with pytest.raises(ModelNotFoundError):
        registry.tags(NAME, "2")


def test_an_alias_of_a_deleted_version_is_told(serve: Serve) -> None:
    class Gone(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            message = "Model Version (name=crime-category, version=3) not found"
            self.send_response(404)
            self.end_headers()
            self.wfile.write(json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": message}).encode())

        def log_message(self, *arguments: Any) -> None: ...

    with pytest.raises(VersionGoneError, match="a version that was deleted"):
        serve(Gone).version(NAME)


@pytest.mark.parametrize(
    ("status", "is_unreadable"), [(404, True), (500, True), (400, True), (503, False), (502, False)]
)
def test_a_file_that_the_server_does_not_give(status: int, is_unreadable: bool, serve: Serve) -> None:
    """It is that file, unless the server as a whole can't be reached."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None: ...

    with pytest.raises(RegistryError) as refused:
        serve(Refusing).load("monitoring/audit/a.json")
    assert isinstance(refused.value, UnreadableFileError) == is_unreadable


def test_a_file_of_the_server_is_read_within_bounds(registry: ServedRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.save("monitoring/a.json", b"x" * 101)
    monkeypatch.setattr("crime.core.limits.STORED_FILE_BYTES", 100)
    with pytest.raises(UnreadableFileError, match="more than 100 bytes"):
        registry.load("monitoring/a.json")


def test_a_bundle_is_downloaded_once(
    registry: ServedRegistry, mlflow_like: type[MlflowLike], small_bundle: CategoryBundle
) -> None:
    directory = registry.bundle(NAME, "2")
    CategoryBundle(directory, "2").verify()
    asked = len(mlflow_like.requests)
    assert registry.bundle(NAME, "2") == directory
    assert len(mlflow_like.requests) == asked
    registry.forget(NAME, "2")
    assert not directory.exists()
    assert registry.bundle(NAME, "2") == directory
    assert len(mlflow_like.requests) == 2 * asked


def test_only_the_latest_downloads_stay_on_disk(registry: ServedRegistry) -> None:
    directories = [registry.bundle(NAME, str(version)) for version in range(1, CACHED_VERSIONS + 3)]
    assert [directory.exists() for directory in directories] == [False, False, *[True] * CACHED_VERSIONS]


@pytest.mark.parametrize(
    "spec", ["not JSON", "[]", "{}", '{"sha256": ["../escaped"]}', '{"sha256": ["/tmp/escaped"]}', '{"sha256": 1}']
)
def test_a_malformed_spec_is_no_bundle(
    spec: str, registry: ServedRegistry, mlflow_like: type[MlflowLike], tmp_path: Path
) -> None:
    mlflow_like.bundle = tmp_path
    (tmp_path / "spec.json").write_text(spec)
    with pytest.raises(RegistryError, match=f"{NAME} version 2 in .* is no bundle"):
        registry.bundle(NAME, "2")
    assert not list(tmp_path.rglob("escaped"))
    assert list((registry.cache_directory).rglob(f"{NAME}/*")) == []


def test_a_download_that_breaks_off_leaves_nothing(
    registry: ServedRegistry, mlflow_like: type[MlflowLike], small_bundle: CategoryBundle, tmp_path: Path
) -> None:
    mlflow_like.bundle = tmp_path / "part"
    shutil.copytree(small_bundle.directory, mlflow_like.bundle)
    (mlflow_like.bundle / "weapon.txt").unlink()
    with pytest.raises(RegistryError):
        registry.bundle(NAME, "2")
    mlflow_like.bundle = small_bundle.directory
    CategoryBundle(registry.bundle(NAME, "2")).verify()


def test_files_are_kept_in_the_artifact_store(registry: ServedRegistry) -> None:
    assert registry.files("monitoring/a day") == []
    registry.save("monitoring/a day/b.csv.gz", b"b")
    registry.save("monitoring/a day/a.csv.gz", b"\x00\xff")
    assert registry.files("monitoring/a day") == ["monitoring/a day/a.csv.gz", "monitoring/a day/b.csv.gz"]
    assert registry.load("monitoring/a day/a.csv.gz") == b"\x00\xff"
    registry.remove("monitoring/a day")
    assert registry.files("monitoring/a day") == []
    with pytest.raises(RegistryError):
        registry.load("monitoring/a day/a.csv.gz")


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (200, b"<html>not what you asked for", "with something that is not JSON"),
        (200, b"{}", "answered without a version"),
        (500, b"<html>", "answered 500$"),
        (500, b'{"message": "database is locked"}', "answered 500 database is locked"),
        (403, b'{"error_code": "PERMISSION_DENIED", "message": "no"}', "answered 403 no"),
    ],
)
def test_answers_that_make_no_sense_are_errors(status: int, content: bytes, message: str, serve: Serve) -> None:
    class Nonsense(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None: ...

    with pytest.raises(RegistryError, match=message):
        serve(Nonsense).version(NAME)


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(RegistryError, match="can't be reached"):
        ServedRegistry("http://127.0.0.1:9").models()


def test_an_artifact_store_that_the_server_does_not_serve(serve: Serve) -> None:
    class Elsewhere(MlflowLike):
        requests: list[str] = []  # noqa: RUF012

        def _api(self, call: str, query: dict[str, str], body: dict[str, str]) -> bytes | None:
            return b'{"artifact_uri": "s3://bucket/1"}'

    with pytest.raises(RegistryError, match="does not serve artifacts itself: crime-category is in s3://bucket/1"):
        serve(Elsewhere).bundle(NAME, "1")


@pytest.mark.parametrize(("behind", "used"), [(400 * 86_400, 400 * 86_400), (30, 0)])
def test_the_server_s_clock_dates_what_is_written_there(behind: int, used: int, serve: Serve) -> None:
    """Only a difference beyond latency and rounding counts."""

    class OtherClock(BaseHTTPRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() - behind)

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *arguments: Any) -> None: ...

    registry = serve(OtherClock)
    assert registry.time() == pytest.approx(time.time(), abs=1)
    assert registry.models() == []
    assert registry.time() == pytest.approx(time.time() - used, abs=2)
