"""Request log: ids, security headers, metrics, and connections that are closed while draining."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from crime.serving.middleware import RequestLog
from crime.serving.state import AppState
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from structlog.testing import capture_logs


async def _hello(request: Request) -> PlainTextResponse:
    if request.url.path == "/broken":
        raise RuntimeError("broken")
    return PlainTextResponse("hello")


APP = Starlette(routes=[Route(path, _hello) for path in ("/hello", "/health", "/broken")])
Ask = Callable[..., httpx.Response]


@pytest.fixture
def state(make_state: Callable[..., AppState]) -> AppState:
    return make_state()


@pytest.fixture
def ask(state: AppState) -> Ask:
    def ask(path: str, method: str = "GET", **headers: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(RequestLog(APP, state), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://backend") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(send())

    return ask


@pytest.mark.parametrize("sent", ["from-the-page.1", "x" * 64])
def test_a_request_keeps_the_id_it_came_with(sent: str, ask: Ask) -> None:
    with capture_logs() as lines:
        answer = ask("/hello", **{"X-Request-ID": sent})
    assert answer.headers["x-request-id"] == sent
    assert [(line["event"], line["id"], line["path"], line["status"]) for line in lines] == [
        ("request", sent, "/hello", 200)
    ]


@pytest.mark.parametrize("sent", ["", "no id", "x" * 65, "a\tb"])
def test_a_request_without_a_proper_id_gets_one(sent: str, ask: Ask) -> None:
    with capture_logs() as lines:
        ids = [ask("/hello", **{"X-Request-ID": sent}).headers["x-request-id"] for _ in range(2)]
    assert {len(given) for given in ids} == {32}
    assert ids[0] != ids[1]
    assert [line["id"] for line in lines] == ids


def test_probes_are_not_logged(ask: Ask) -> None:
    with capture_logs() as lines:
        assert ask("/health").headers["x-request-id"]
    assert lines == []


def test_draining_asks_clients_to_close_their_connections(ask: Ask, state: AppState) -> None:
    assert "connection" not in ask("/hello").headers
    state.draining = True
    assert ask("/hello").headers["connection"] == "close"


def test_requests_are_counted_without_labels_of_strangers(ask: Ask, metric: Callable[..., float]) -> None:
    """A client can't fill the metrics with paths and methods that it invents."""

    def count(**labels: str) -> float:
        return metric("crime_requests_total", **labels)

    unknown = {"method": "GET", "route": "(none)", "status": "404"}
    invented = {"method": "(other)", "route": "(none)", "status": "404"}
    before = count(**unknown), count(**invented)
    ask("/invented-path")
    ask("/invented-path", method="INVENTED")
    assert (count(**unknown), count(**invented)) == (before[0] + 1, before[1] + 1)


def test_a_failure_is_counted_and_logged_as_500(ask: Ask) -> None:
    with capture_logs() as lines:
        assert ask("/broken").status_code == 500
    assert [line["status"] for line in lines] == [500]
