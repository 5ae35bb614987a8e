"""The page under hostile hands: what its browser may load, texts that want to be markup, and connections that hurt."""

import http.server
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from hostile_texts import HOST, MARKER, hostile
from page_alone import PageAlone, page_alone
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from recorded import recorded
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

SLOW = 20_000  # milliseconds
VIEWS = {
    "": "stDataFrame",
    "predict": "stPlotlyChart",
    "forecast": "stPlotlyChart",
    "explore": "stPlotlyChart",
    "batch": "stFileUploader",
    "review": "stFileUploader",
    "models": "stPlotlyChart",
}
HEADERS = {
    *("content-security-policy", "x-frame-options", "x-content-type-options", "referrer-policy"),
    *("permissions-policy", "cross-origin-opener-policy"),
}
RECORD = "addEventListener('securitypolicyviolation', event => console.error('violation', event.violatedDirective))"
# of Streamlit and Plotly, with and without a policy: a path that it tries first, and a style that is replaced
KNOWN = re.compile(r"status of 404|Map error|GPU stall|GL Driver Message")


@pytest.fixture(scope="module")
def alone(root: Path) -> Iterator[PageAlone]:
    with page_alone(root) as started:
        yield started


@pytest.fixture
def fresh(alone: PageAlone) -> PageAlone:
    alone.backend.reset()
    return alone


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1360, "height": 1400}, accept_downloads=True)
    context.add_init_script(RECORD)
    yield context
    context.close()


@pytest.fixture
def told(context: BrowserContext) -> list[str]:
    """Errors of the console and of the page's scripts."""
    told: list[str] = []

    def keep(text: str) -> None:
        if not KNOWN.search(text):
            told.append(text)

    context.on("console", lambda message: keep(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: keep(str(error.error)))
    return told


def wait_until_drawn(page: Page) -> None:
    expect(page.get_by_test_id("stStatusWidget")).to_be_hidden(timeout=SLOW)
    expect(page.get_by_role("heading", level=1).first).to_be_visible(timeout=SLOW)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_each_view_works_under_the_policy(
    language: str, fresh: PageAlone, context: BrowserContext, told: list[str]
) -> None:
    page = context.new_page()
    for view, drawn in VIEWS.items():
        page.goto(f"{fresh.url}/{view}?lang={language}")
        expect(page.get_by_test_id(drawn).filter(visible=True).first).to_be_visible(timeout=SLOW)
        wait_until_drawn(page)
        if view in ("forecast", "explore"):
            expect(page.locator(".maplibregl-canvas")).to_be_visible(timeout=SLOW)
        assert page.evaluate("document.documentElement.lang") == language
        assert page.evaluate("window.oneEntryAPage") is True
    page.goto(f"{fresh.url}/batch?lang={language}")
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(
        {"name": "reports.csv", "mimeType": "text/csv", "buffer": b"DATE OCC,TIME OCC,AREA\n2020-01-01,1200,1\n"}
    )
    button = page.get_by_role("button", name=re.compile("result|résultat"))
    expect(button).to_be_visible(timeout=SLOW)
    with page.expect_download() as download:
        button.click()
    assert download.value.suggested_filename == "reports-predictions.csv"
    assert told == []


def test_nothing_foreign_is_loaded_or_run(fresh: PageAlone, context: BrowserContext) -> None:
    asked: list[str] = []

    def refuse(route: Route) -> None:  # of what the policy blocks nothing comes here
        asked.append(route.request.url)
        route.abort()

    context.route(lambda url: HOST in url, refuse)
    page = context.new_page()
    page.goto(f"{fresh.url}/batch")
    wait_until_drawn(page)
    ran = page.evaluate(
        """async host => {
            const violated = [];
            addEventListener('securitypolicyviolation', event => violated.push(event.effectiveDirective));
            const add = (tag, attributes) => document.body.append(
                Object.assign(document.createElement(tag), attributes));
            add('img', {src: `https://${host}/i.png`});
            add('script', {src: `https://${host}/s.js`});
            add('link', {rel: 'stylesheet', href: `https://${host}/s.css`});
            add('iframe', {src: `https://${host}/`});
            add('object', {data: `https://${host}/o`});
            add('script', {textContent: 'window.ran = true'});
            document.body.insertAdjacentHTML('beforeend', '<img src=/none.png onerror="window.ran = true">');
            await fetch(`https://${host}/f`).catch(() => {});
            try { new WebSocket(`wss://${host}/w`) } catch {}
            setTimeout(() => { try { window.eval('window.ran = true') } catch {} });
            await new Promise(done => setTimeout(done, 500));
            return [window.ran === true, [...new Set(violated)].sort()];
        }""",
        HOST,
    )
    assert ran[0] is False
    assert {"img-src", "script-src-elem", "style-src-elem", "frame-src", "object-src", "connect-src"} <= set(ran[1])
    assert asked == []


def test_another_site_can_not_frame_the_page(fresh: PageAlone, context: BrowserContext) -> None:
    with site(f'<iframe src="{fresh.url}/"></iframe>') as other:
        page = context.new_page()
        page.goto(other)
        page.wait_for_timeout(1_000)
        frame = page.frames[1]
        assert "Streamlit" not in frame.content()
        assert frame.url.startswith("chrome-error://")


@contextmanager
def site(content: str) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, format: str, *arguments: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def uncached(root: Path) -> Iterator[PageAlone]:
    """A page that has asked its backend nothing yet."""
    with page_alone(root) as started:
        yield started


def test_hostile_texts_are_shown_as_they_are(uncached: PageAlone, context: BrowserContext, told: list[str]) -> None:
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url) if HOST in request.url.split("?")[0] else None)
    backend = uncached.backend
    table = recorded("table_scored.csv").replace("AREA", f'"{MARKER}"', 1)
    backend.replace("POST", "/predict/batch", table, content_type="text/csv")
    for path, name in (("/drift", "drift_yes"), ("/models/crime-category/evaluation", "evaluation"), ("/pod", "pod")):
        backend.replace("GET", path, hostile(recorded(name)))
    for path, name in (("/codes", "codes"), ("/unusual", "unusual"), ("/audit", "audit")):
        backend.replace("GET", path, hostile(recorded(name)))
    backend.replace("GET", "/", {**recorded("root"), "version": MARKER})
    backend.replace("GET", "/models/crime-risk", {"detail": MARKER}, 404)
    page = context.new_page()
    for view in ("", "explore", "forecast?by=district", "models", "models?show=drift", "models?show=versions"):
        page.goto(f"{uncached.url}/{view}")
        wait_until_drawn(page)
        expect(page.get_by_text(MARKER).filter(visible=True).first).to_be_visible(timeout=SLOW)
        assert links(page) == []
    page.goto(f"{uncached.url}/models?show=versions&name=crime-risk")
    expect(page.get_by_text(MARKER).filter(visible=True).first).to_be_visible(timeout=SLOW)
    page.goto(f"{uncached.url}/batch")
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(
        {"name": "[m](https:x.test)<img src=x>$x$.csv", "mimeType": "text/csv", "buffer": b"DATE OCC\n"}
    )
    expect(page.get_by_role("heading", name="[m](https:x.test)<img src=x>$x$.csv")).to_be_visible(timeout=SLOW)
    assert links(page) == []
    assert asked == []
    assert told == []


def links(page: Page) -> list[str]:
    """What in the page leads, or asks, elsewhere."""
    found: list[str] = page.evaluate(
        """host => [...document.querySelectorAll('[href], [src]')]
            .map(one => one.getAttribute('href') || one.getAttribute('src'))
            .filter(url => new URL(url, location.href).hostname === host)""",
        HOST,
    )
    return found


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/_stcore/health", 200),
        ("GET", "/favicon.png", 200),
        ("GET", "/media/none.csv", 404),
        ("POST", "/", 405),
        ("PUT", "/_stcore/upload_file/a/b", 403),
        ("GET", "/..%2f..%2fetc/passwd", 400),
    ],
)
def test_every_answer_has_the_headers(method: str, path: str, status: int, fresh: PageAlone) -> None:
    answer = httpx.request(method, fresh.url + path)
    assert answer.status_code == status
    assert answer.headers.keys() >= HEADERS
    assert answer.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert HOST not in answer.headers["content-security-policy"]


def tab(page: PageAlone, origin: str | None = None) -> ClientConnection:
    stream = page.url.replace("http", "ws") + "/_stcore/stream"
    headers = {"Origin": origin} if origin else {}
    protocols = [Subprotocol("streamlit")]
    return connect(stream, subprotocols=protocols, additional_headers=headers, max_size=None)


def test_a_foreign_websocket_is_refused(fresh: PageAlone) -> None:
    with pytest.raises(InvalidStatus) as refused:
        tab(fresh, origin=f"https://{HOST}")
    assert refused.value.response.status_code == 403
    assert {name.lower() for name in refused.value.response.headers} >= HEADERS


def test_below_a_path_and_with_a_street_map(root: Path) -> None:
    tiles = "https://tiles.example.org/{z}/{x}/{y}.png"
    with page_alone(root, STREAMLIT_SERVER_BASE_URL_PATH="/crime", CRIME_TILES_URL=tiles) as page:
        answer = httpx.get(f"{page.url}/")
    policy = answer.headers["content-security-policy"]
    assert answer.headers.keys() >= HEADERS
    allowed = {line.split()[0] for line in policy.split(";") if "https://tiles.example.org" in line.split()}
    assert allowed == {"img-src", "connect-src"}


@pytest.mark.parametrize(
    ("head", "piece", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-A: " + b"a" * 8_000 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * 65_536, b"431"),
        (b"GET /", b"a" * 65_536, b"414"),
        (b"\x00\x01\r\n\r\n", b"", b"400"),
    ],
)
def test_an_endless_head_is_refused(head: bytes, piece: bytes, status: bytes, fresh: PageAlone) -> None:
    before = fresh.peak_mib()
    with socket.create_connection(("127.0.0.1", fresh.port), timeout=20) as connection:
        with suppress(OSError):
            connection.sendall(head)
            for _ in range(100 if piece else 0):
                connection.sendall(piece)
        answer = b""
        with suppress(OSError):
            answer = connection.recv(65_536)
    assert answer.split(b" ")[1:2] == [status]
    assert b"nosniff" in answer
    assert fresh.peak_mib() - before < 10
    assert httpx.get(f"{fresh.url}/_stcore/health").is_success


def test_a_head_that_does_not_end_is_given_up(fresh: PageAlone) -> None:
    with socket.create_connection(("127.0.0.1", fresh.port), timeout=30) as connection:
        connection.sendall(b"GET / HT")
        with suppress(ConnectionResetError):
            assert connection.recv(10) == b""


def drain(one: ClientConnection) -> None:
    """Read until the connection ends."""
    while True:
        one.recv(timeout=10)


def test_of_many_tabs_the_one_that_was_used_last_longest_ago_gives_way(fresh: PageAlone) -> None:
    with ExitStack() as stack:
        tabs = [stack.enter_context(tab(fresh)) for _ in range(140)]
        with pytest.raises(ConnectionClosed) as closed:
            drain(tabs[0])
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
        assert httpx.get(f"{fresh.url}/_stcore/health").is_success


def test_a_message_that_is_too_large_or_of_many_parts_ends_its_tab(fresh: PageAlone) -> None:
    for message in (b"a" * 300_000, iter([b""] * 1_000)):
        with tab(fresh) as one:
            with suppress(ConnectionClosed, OSError):
                one.send(message)
            with pytest.raises((ConnectionClosed, OSError)):
                drain(one)
