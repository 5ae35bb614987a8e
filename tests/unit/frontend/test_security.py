"""Headers of every answer of the page's server."""

import pytest
from crime_ui.security import HEADERS, SecurityHeaders, policy, server_error
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello", headers={"X-Frame-Options": "SAMEORIGIN", "X-Own": "kept"})


async def cookies(request: Request) -> PlainTextResponse:
    answer = PlainTextResponse("hello")
    for cookie in ("_streamlit_user=x; HttpOnly", "y=z; Secure; Path=/"):
        answer.headers.append("set-cookie", cookie)
    return answer


async def broken(request: Request) -> PlainTextResponse:
    raise RuntimeError


async def refused(socket: WebSocket) -> None:
    await socket.close()


async def accepted(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


@pytest.fixture
def client() -> TestClient:
    routes = [
        Route("/", hello),
        Route("/cookies", cookies),
        Route("/broken", broken),
        WebSocketRoute("/refused", refused),
        WebSocketRoute("/accepted", accepted),
    ]
    app = Starlette(
        routes=routes, middleware=[Middleware(SecurityHeaders)], exception_handlers={Exception: server_error}
    )
    return TestClient(app, base_url="http://page.example", raise_server_exceptions=False)


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/nowhere", 404), ("/broken", 500)])
def test_every_answer_has_them(path: str, status: int, client: TestClient) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS  # once, also where an answer has its own
    assert "ws://page.example" in answer.headers["content-security-policy"]


def test_other_headers_are_kept(client: TestClient) -> None:
    assert client.get("/").headers["x-own"] == "kept"


@pytest.mark.parametrize(
    ("redirect", "attributes"), [("https://a/oauth2callback", "; Secure"), ("http://a", ""), ("", "")]
)
def test_cookies_of_a_page_at_an_https_address_are_sent_over_https_alone(
    redirect: str, attributes: str, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or whoever answers for the page's name over HTTP is sent the session."""
    monkeypatch.setenv("CRIME_OIDC_REDIRECT", redirect)
    cookies = client.get("/cookies").headers.get_list("set-cookie")
    assert cookies == [f"_streamlit_user=x; HttpOnly{attributes}", "y=z; Secure; Path=/"]


def test_a_refused_websocket_has_them(client: TestClient) -> None:
    with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect("/refused"):
        pass
    assert denied.value.status_code == 403
    assert denied.value.headers["x-frame-options"] == "DENY"


def test_an_accepted_websocket_goes_on(client: TestClient) -> None:
    with client.websocket_connect("/accepted") as socket:
        assert socket.receive()["type"] == "websocket.close"


@pytest.mark.parametrize("host", ["", "a b", "x'; script-src *", "page.example/path", "page.example:99999999"])
def test_a_host_that_is_none_is_not_in_the_policy(host: str) -> None:
    assert "ws://" not in policy(host)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://tiles.example.org/{z}/{x}/{y}.png", "https://tiles.example.org"),
        ("http://me:secret@tiles.example.org:8080/{z}", "http://tiles.example.org:8080"),
        ("javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_the_street_map_is_the_only_other_origin(url: str, origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRIME_TILES_URL", url)
    sources = {source for part in policy("page.example").split("; ") for source in part.split()[1:]}
    assert {source for source in sources if source.startswith("http")} == ({origin} if origin else set())
