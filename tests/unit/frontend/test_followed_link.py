"""After a sign-in the page opens at the link that was followed, and nowhere else."""

from urllib.parse import quote

import pytest
from crime_ui import limits
from crime_ui.followed_link import COOKIE, FollowedLink
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

HTML = {"Accept": "text/html,application/xhtml+xml"}


def site(base_path: str) -> TestClient:
    async def view(request: Request) -> Response:
        return HTMLResponse("<html>")

    async def callback(request: Request) -> Response:
        return RedirectResponse(f"{base_path}/", 302)

    routes = [Route(f"{base_path}/oauth2callback", callback), Route("/{path:path}", view)]
    middleware = [Middleware(FollowedLink, base_path=base_path)]
    return TestClient(Starlette(routes=routes, middleware=middleware), follow_redirects=False)


@pytest.fixture(autouse=True)
def sign_in_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRIME_OIDC_ISSUER", "https://login.example.org")


@pytest.mark.parametrize("base_path", ["", "/crime"])
@pytest.mark.parametrize(
    "link", ["/models?show=versions", "/predict?area=Hollywood%20(6)&date=2023-01-15", "/?a=b", "/"]
)
def test_a_link_is_remembered(base_path: str, link: str) -> None:
    client = site(base_path)
    cookie = client.get(base_path + link, headers=HTML).headers["set-cookie"]
    assert "HttpOnly" in cookie
    client.get(f"{base_path}/static/js/index.js", headers={"Accept": "*/*"})
    client.get(f"{base_path}/favicon.png?x=y", headers={"Accept": "image/png"})
    assert client.get(f"{base_path}/oauth2callback?code=x").headers["location"] == base_path + link


@pytest.mark.parametrize(
    "cookie",
    [
        *(
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/models//evil",
            "/auth/logout",
            "/a/../b",
            "models",
        ),
        *(
            "/models?a b",
            "/models?a\r\nSet-Cookie: x=y",
            "/models?é",
            "/models?" + "a" * limits.LINK_CHARACTERS,
            "",
            "%",
        ),
    ],
)
def test_a_cookie_leads_nowhere_else(cookie: str) -> None:
    client = site("")
    client.cookies.set(COOKIE, quote(cookie, safe=""))
    assert client.get("/oauth2callback?code=x").headers["location"] == "/"


def test_other_pages_and_long_links_are_not_remembered() -> None:
    client = site("")
    client.get("/models", headers=HTML)
    for path in ("/auth/login", "//evil.example/models", "/models?" + "a" * limits.LINK_CHARACTERS):
        assert "set-cookie" not in client.get(f"http://testserver{path}", headers=HTML).headers
    assert client.get("/oauth2callback?code=x").headers["location"] == "/models"


def test_who_signs_out_leaves_no_link() -> None:
    client = site("/crime")
    client.get("/crime/predict?area=Hollywood", headers=HTML)
    client.get("/crime/auth/logout", headers=HTML)
    assert client.get("/crime/oauth2callback").headers["location"] == "/crime/"


def test_without_sign_in_nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRIME_OIDC_ISSUER")
    assert "set-cookie" not in site("").get("/models", headers=HTML).headers
