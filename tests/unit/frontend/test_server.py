"""The page's server sends Streamlit's scripts compressed, and as they are."""

import gzip
import re
from collections.abc import Mapping

import pytest
from crime_ui.server import STATIC, StaticFiles
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles as PlainFiles
from starlette.testclient import TestClient


@pytest.fixture
def client() -> TestClient:
    app = Starlette(middleware=[Middleware(StaticFiles)])
    app.mount("/", PlainFiles(directory=STATIC, html=True))
    return TestClient(app)


def script(name: str) -> str:
    return next((STATIC / "static/js").glob(f"{name}.*.js")).name


def raw(client: TestClient, path: str, **headers: str) -> tuple[Mapping[str, str], bytes]:
    """Headers and the content as it was sent."""
    with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code in (200, 206)
        return answer.headers, b"".join(answer.iter_raw())


def test_scripts_are_compressed_for_who_takes_it(client: TestClient) -> None:
    name = script("PlotlyChart")
    headers, content = raw(client, f"/static/js/{name}", **{"accept-encoding": "gzip, br"})
    whole = (STATIC / "static/js" / name).read_bytes()
    assert headers["content-encoding"] == "gzip"
    assert headers["content-type"].startswith("text/javascript")
    assert "immutable" in headers["cache-control"]
    assert gzip.decompress(content) == whole
    assert len(content) < len(whole) / 3
    plain_headers, plain = raw(client, f"/static/js/{name}", **{"accept-encoding": "identity"})
    assert "content-encoding" not in plain_headers
    assert plain == whole


def test_a_part_of_a_script_is_sent_as_it_is(client: TestClient) -> None:
    headers, content = raw(client, f"/static/js/{script('index')}", **{"accept-encoding": "gzip", "range": "bytes=0-9"})
    assert "content-encoding" not in headers
    assert len(content) == 10


@pytest.mark.parametrize("path", ["/static/../index.html", "/static/js/none.js", "/static/js/..%2f..%2findex.js"])
def test_nothing_else_is_reached(client: TestClient, path: str) -> None:
    assert client.get(path, headers={"accept-encoding": "gzip"}).headers.get("content-encoding") is None


def test_the_page_names_the_heavy_scripts_and_they_exist(client: TestClient) -> None:
    named = re.findall(r"<\./(static/js/[^>]+)>; rel=modulepreload", client.get("/").headers["link"])
    assert any("PlotlyChart" in name for name in named)
    for name in named:
        assert client.get(f"/{name}").status_code == 200
