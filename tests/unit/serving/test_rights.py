"""Every call that does more than read: whether it needs the token, and with sign-in which role."""

import re
from collections.abc import Callable

import pytest
from crime.serving.app import ROUTES
from crime.serving.sign_in.roles import READING, Role, needed_role
from fastapi.routing import APIRoute
from memory_registry import MemoryRegistry
from starlette.testclient import TestClient

StartApp = Callable[..., TestClient]
MODEL = "/models/crime-category"
# with sign-in; those of a decider need the token without it
CALLS = {
    Role.viewer: {("POST", "/predict"), ("POST", "/explain")},
    Role.analyst: {
        ("POST", "/predict/batch"),
        ("POST", "/invocations"),
        ("POST", "/v1/models/{name}:predict"),
        ("POST", "/v2/models/{name}/infer"),
        ("POST", "/v2/models/{name}/versions/{version}/infer"),
        ("POST", "/features"),
        ("POST", "/review"),
        ("POST", "/review/decisions"),
    },
    Role.decider: {
        ("POST", "/models/{name}/promote"),
        ("POST", "/models/{name}/rollback"),
        ("POST", f"{MODEL}/challenger"),
        ("DELETE", f"{MODEL}/challenger"),
    },
}


@pytest.fixture
def client(start_app: StartApp, registry: MemoryRegistry) -> TestClient:
    return start_app()


def test_each_call_that_does_more_than_read_needs_a_role_of_its_own() -> None:
    """A new one belongs into `CALLS`."""
    routes = [route for module in ROUTES for route in module.router.routes if isinstance(route, APIRoute)]
    calls = {
        (method, re.sub(r":\w+}", "}", route.path))
        for route in routes
        for method in route.methods or () or ()
        if method not in READING
    }
    assert {role: {call for call in calls if needed_role(*call) == role} for role in CALLS} == CALLS


@pytest.mark.parametrize(("method", "path"), sorted(call for calls in CALLS.values() for call in calls))
def test_without_sign_in_decisions_alone_need_the_token(method: str, path: str, client: TestClient) -> None:
    answer = client.request(method, path.format(name="crime-category", version="1"), json={})
    assert (answer.status_code == 401) == ((method, path) in CALLS[Role.decider])
