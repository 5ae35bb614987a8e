"""The OpenAPI document names what the server answers: every refusal of a body, and defaults that a body may have."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.serving.middleware import PROBE_PATHS
from memory_registry import MemoryRegistry
from reports import SMALLEST_REPORT
from starlette.testclient import TestClient

BODY_STATUSES = {"400", "413", "415", "422", "429", "503"}


@pytest.fixture
def client(start_app: Callable[..., TestClient], registry: MemoryRegistry, small_bundle: CategoryBundle) -> TestClient:
    registry.register("crime-category", small_bundle.directory, "champion")
    return start_app()


@pytest.fixture
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        yield from ((path, operation) for operation in item.values())


def test_every_route_with_a_body_names_every_refusal_of_one(document: dict[str, Any]) -> None:
    with_body = {path: op["responses"] for path, op in operations(document) if "requestBody" in op}
    assert {"/predict", "/predict/batch", "/explain", "/features", "/invocations"} < set(with_body)
    assert [path for path, responses in with_body.items() if not set(responses) >= BODY_STATUSES] == []


def test_every_route_but_the_probes_names_the_limits_of_requests(document: dict[str, Any]) -> None:
    unnamed = {path for path, op in operations(document) if not {"429", "503"} <= set(op["responses"])}
    assert unnamed == set(PROBE_PATHS)


@pytest.mark.parametrize("path", ["/predict", "/explain", "/predict/batch", "/features"])
def test_a_packed_body_is_refused_as_named(path: str, client: TestClient) -> None:
    for encoding, status in (("br", 415), ("gzip", 400)):
        packed = {"content-type": "application/json", "content-encoding": encoding}
        assert client.post(path, content=b"{}", headers=packed).status_code == status


def test_every_default_of_a_report_is_accepted(client: TestClient, document: dict[str, Any]) -> None:
    properties = document["components"]["schemas"]["Report"]["properties"]
    defaults = {name: field["default"] for name, field in properties.items() if "default" in field}
    assert "System" not in defaults  # it follows from the report's other fields
    for path in ("/predict", "/features"):
        assert client.post(path, json=SMALLEST_REPORT | defaults).status_code == 200
