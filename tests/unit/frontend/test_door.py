"""With sign-in, who is not signed in neither uploads files to the page nor gets those it made for others."""

from collections.abc import Callable

import pytest
from crime_ui import sign_in
from crime_ui.door import Door
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

FILES = [
    *[("PUT", "/_stcore/upload_file/s/f"), ("DELETE", "/_stcore/upload_file/s/f")],
    *[("GET", "/media/0a.csv"), ("HEAD", "/media/0a.csv")],
]
OTHERS = [("GET", "/"), ("GET", "/_stcore/health"), ("GET", "/static/media/x.woff2"), ("GET", "/auth/login")]


def cookie(secret: str) -> str:
    return create_signed_value(secret, USER_COOKIE_NAME, "{}").decode()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], TestClient]:
    monkeypatch.setenv("CRIME_OIDC_ISSUER", "https://login.example.org")
    monkeypatch.setattr(sign_in, "get_cookie_secret", lambda: "a secret")

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("a file")

    methods = ["GET", "HEAD", "PUT", "DELETE"]
    routes = [Route("/{path:path}", answer, methods=methods)]
    return lambda path: TestClient(Starlette(routes=routes, middleware=[Middleware(Door, base_path=path)]))


@pytest.mark.parametrize("base_path", ["", "/crime", "/static"])
@pytest.mark.parametrize(("method", "path"), FILES)
def test_files_are_for_those_who_are_signed_in(
    method: str, path: str, base_path: str, site: Callable[[str], TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or strangers would take the room of their uploads."""
    client, path = site(base_path), base_path + path
    for value in ("", cookie("another"), cookie("a secret").swapcase(), "{}", "chunks-3"):
        client.cookies.set(USER_COOKIE_NAME, value)
        assert client.request(method, path).status_code == 403
    client.cookies.set(USER_COOKIE_NAME, cookie("a secret"))
    assert client.request(method, path).status_code == 200
    client.cookies.clear()
    monkeypatch.delenv("CRIME_OIDC_ISSUER")
    assert client.request(method, path).status_code == 200


@pytest.mark.parametrize(("method", "path"), OTHERS)
def test_all_else_is_as_before(method: str, path: str, site: Callable[[str], TestClient]) -> None:
    assert site("").request(method, path).status_code == 200
    assert site("/crime").request(method, "/crime" + path).status_code == 200
