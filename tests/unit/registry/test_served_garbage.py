"""Whatever a server answers in MLflow's place is a `RegistryError`, within bounds of bytes and time."""

import json
import threading
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from crime.core import limits
from crime.core.errors import ModelNotFoundError, RegistryError
from crime.registry.served import ServedRegistry
from mlflow_like import NAME, MlflowLike

Serve = Callable[[type[BaseHTTPRequestHandler]], ServedRegistry]


def answering(content: bytes, status: int = 200) -> type[BaseHTTPRequestHandler]:
    """A server that answers everything with this."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_DELETE = do_PUT = do_GET

        def log_message(self, *arguments: Any) -> None: ...

    return Answering


CALLS: dict[str, Callable[[ServedRegistry], object]] = {
    "version": lambda registry: registry.version(NAME),
    "bundle": lambda registry: registry.bundle(NAME, "2"),
    "tags": lambda registry: registry.tags(NAME, "2"),
    "models": lambda registry: registry.models(),
    "versions": lambda registry: registry.versions(NAME),
    "files": lambda registry: registry.files("monitoring"),
}
GARBAGE = [
    *(b"[]", b"[1]", b"null", b"1", b'"x"', b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"{"),
    b'{"model_version": [], "registered_models": {"a": 1}, "model_versions": {"a": 1}, "files": 1, "artifact_uri": []}',
    b'{"model_version": {"version": "../../x", "tags": 1}, "registered_models": [1], "model_versions": [1],'
    b' "files": [1], "artifact_uri": "mlflow-artifacts://[x"}',
    b'{"model_version": {"version": {}, "tags": [1]}, "registered_models": [{"name": 1, "aliases": [{"version": "x"}]}'
    b'], "model_versions": [{"version": "1", "creation_timestamp": "x"}], "files": [{"path": 1}]}',
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("content", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_an_error_of_the_registry(call: str, content: bytes, serve: Serve) -> None:
    """Or, of an object in which nothing is found, an empty answer; never another error."""
    registry = serve(answering(content))
    try:
        answer = CALLS[call](registry)
    except RegistryError:
        return
    assert answer in ([], {})


@pytest.mark.parametrize("call", CALLS)
def test_an_answer_of_very_many_values_is_refused_before_it_is_parsed(call: str, serve: Serve) -> None:
    """16 MB of empty lists took 430 MB, and a pod with it."""
    known = b'"model_version": {"version": "1"}, "artifact_uri": "mlflow-artifacts:/x", "registered_models": []'
    registry = serve(answering(b"{" + known + b', "more": [' + b"[]," * (limits.PARSED_BYTES // 250) + b"[]]}"))
    tracemalloc.start()
    try:
        with pytest.raises(RegistryError):
            CALLS[call](registry)
        assert tracemalloc.get_traced_memory()[1] < 10 * limits.MIB
    finally:
        tracemalloc.stop()


def test_an_error_that_is_no_object_is_an_error_of_the_registry(serve: Serve) -> None:
    for content in (b"[]", b"[" * 100_000, b'{"error_code": [1], "message": {"a": 1}}'):
        with pytest.raises(RegistryError, match="answered 500"):
            serve(answering(content, 500)).models()


class Endless(BaseHTTPRequestHandler):
    """Answers as `part` says, again and again, until the client is gone. `said`: headers."""

    said: dict[str, str]
    part: bytes
    gone: threading.Event

    def do_GET(self) -> None:
        self.send_response(200)
        for name, value in self.said.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            while not self.gone.wait(0 if len(self.part) > 99 else 0.02):
                self.wfile.write(self.part)

    def log_message(self, *arguments: Any) -> None: ...


@pytest.mark.parametrize(
    ("said", "part", "message"),
    [
        ({}, b"x" * 9_999, "sent more than 100,000 bytes"),
        ({"Transfer-Encoding": "chunked"}, b"fff\r\n" + b"x" * 0xFFF + b"\r\n", "sent more than 100,000 bytes"),
        ({"Content-Length": "99999999999"}, b"x" * 9_999, "sent more than 100,000 bytes"),
        ({}, b" ", "no whole answer within 0.3 seconds"),
        ({"Transfer-Encoding": "chunked"}, b"1\r\n \r\n", "no whole answer within 0.3 seconds"),
        ({"Content-Length": "100"}, b" ", "no whole answer within 0.3 seconds"),
    ],
)
def test_an_answer_without_end_is_cut(
    said: dict[str, str], part: bytes, message: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REGISTRY_ANSWER_BYTES", 100_000)
    monkeypatch.setattr(limits, "REGISTRY_SECONDS", 0.3 if len(part) < 99 else 30.0)
    gone = threading.Event()
    registry = serve(type("Server", (Endless,), {"said": said, "part": part, "gone": gone}))
    try:
        with pytest.raises(RegistryError, match=message):
            registry.models()
    finally:
        gone.set()


def test_headers_without_end_are_cut(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REGISTRY_SECONDS", 0.3)
    gone = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):
                while not gone.wait(0.02):
                    self.wfile.write(b"H")

        def log_message(self, *arguments: Any) -> None: ...

    try:
        with pytest.raises(RegistryError, match="no whole answer"):
            serve(Slow).models()
    finally:
        gone.set()


def test_a_body_that_breaks_off_is_no_answer(serve: Serve) -> None:
    class Short(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *arguments: Any) -> None: ...

    with pytest.raises(RegistryError, match="IncompleteRead"):
        serve(Short).models()


def write_spec_of(directory: Path, files: dict[str, int]) -> None:
    """A bundle whose spec lists these files, each of so many bytes."""
    directory.mkdir()
    (directory / "spec.json").write_text(json.dumps({"sha256": dict.fromkeys(files, "0" * 64)}))
    for name, size in files.items():
        (directory / name).write_bytes(b"x" * size)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({f"file{number}": 1 for number in range(30)}, "lists no files, or more than 20"),
        ({"large": 3_000}, "sent more than 2,000 bytes"),
        ({f"file{number}": 1_500 for number in range(5)}, "sent more than 500 bytes"),
        ({"spec.json": 1}, "a file named 'spec.json'"),
    ],
)
def test_a_bundle_beyond_the_limits_is_not_downloaded(
    files: dict[str, int],
    message: str,
    registry: ServedRegistry,
    mlflow_like: type[MlflowLike],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "BUNDLE_FILE_BYTES", 2_000)
    monkeypatch.setattr(limits, "BUNDLE_BYTES", 5_000)
    write_spec_of(tmp_path / "bundle", files)
    if "spec.json" in files:
        (tmp_path / "bundle" / "spec.json").write_text(json.dumps({"sha256": {"spec.json": "0" * 64}}))
    mlflow_like.bundle = tmp_path / "bundle"
    with pytest.raises(RegistryError, match=message):
        registry.bundle(NAME, "2")
    assert list(registry.cache_directory.rglob("file*")) == []


def test_a_spec_of_a_hundred_thousand_files_is_refused_at_once(
    registry: ServedRegistry, mlflow_like: type[MlflowLike], tmp_path: Path
) -> None:
    (tmp_path / "spec.json").write_text(json.dumps({"sha256": [f"file{number}" for number in range(100_000)]}))
    mlflow_like.bundle = tmp_path
    with pytest.raises(RegistryError, match="more than 20"):
        registry.bundle(NAME, "2")
    assert len(mlflow_like.requests) == 2  # where it is, and its spec


def test_a_version_that_is_no_number_is_none(registry: ServedRegistry, mlflow_like: type[MlflowLike]) -> None:
    for version in ("../../x", "", "2/../3", "²"):
        with pytest.raises(ModelNotFoundError):
            registry.bundle(NAME, version)
    assert mlflow_like.requests == []
