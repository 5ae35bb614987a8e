"""The page's server: Streamlit's own, which sends its scripts compressed, and names the heavy ones at once.

Streamlit leaves compression to a proxy, which a cluster need not have: 9 MB for the first page. Its browser code asks
for the chart's and the table's script only when the page's first run has sent a chart and a table.
"""

import asyncio
import gzip
import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib import import_module
from pathlib import Path

import streamlit
from starlette.middleware import Middleware
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.starlette import App

from crime_ui import sign_in
from crime_ui.door import Door
from crime_ui.followed_link import FollowedLink
from crime_ui.incoming import Uploads
from crime_ui.protocol import bound_connections
from crime_ui.security import SecurityHeaders, server_error

HERE = Path(__file__).parent
STATIC = Path(streamlit.__file__).parent / "static"
PIECE_BYTES = 1 << 16
COMPRESSED = (".js", ".css")
HEAVY_MODULES = ("pandas", "plotly.graph_objects")
HEAVY_SCRIPTS = ("PlotlyChart", "DataFrame", "arrowFormatUtils", "StreamlitMarkdown")  # of the first page
CACHED_FOR_A_YEAR = "public, immutable, max-age=31536000"  # names hold a hash of the content

BASE_PATH: str = streamlit.config.get_option("server.baseUrlPath")


@cache
def _compressed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), 6)


def _heavy_scripts() -> list[Path]:
    """Their files; none if a release of Streamlit names them otherwise."""
    return [script for name in HEAVY_SCRIPTS for script in sorted((STATIC / "static/js").glob(f"{name}.*.js"))]


@cache
def _preload_header() -> bytes:
    """`Link` with the heavy scripts."""
    return ", ".join(f"<./static/js/{script.name}>; rel=modulepreload" for script in _heavy_scripts()).encode()


def _static_file(scope: Scope) -> Path | None:
    """The compressible file of Streamlit that a request is for; None for all other requests."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    headers = dict(scope["headers"])
    _, separator, name = scope["path"].rpartition("/static/")
    if not separator or b"gzip" not in headers.get(b"accept-encoding", b"") or b"range" in headers:
        return None
    path = STATIC / "static" / name
    is_inside = path.suffix in COMPRESSED and ".." not in path.parts
    return path if is_inside and path.is_file() else None


class StaticFiles:
    """Middleware that answers Streamlit's scripts compressed, each compressed once, and adds `Link` to its page."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if path := _static_file(scope):
            content = await asyncio.to_thread(_compressed, path)
            headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding", "Cache-Control": CACHED_FOR_A_YEAR}
            headers["Content-Length"] = str(len(content))
            answer = StreamingResponse(_pieces(content), headers=headers, media_type=mimetypes.guess_type(path)[0])
            await answer(scope, receive, send)
            return

        async def send_with_link(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message):
                message["headers"] = [*message["headers"], (b"link", _preload_header())]
            await send(message)

        await self.app(scope, receive, send_with_link)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    """So that a slow browser holds one piece of a script in memory, and not a copy of it."""
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]


def _is_page(message: Message) -> bool:
    content_type: bytes = dict(message["headers"]).get(b"content-type", b"")
    return content_type.startswith(b"text/html")


@asynccontextmanager
async def _prepare(app: App) -> AsyncIterator[None]:
    """Compress the heavy scripts and import the libraries of charts and tables, so that no visitor waits for it."""
    await asyncio.to_thread(lambda: [import_module(name) for name in HEAVY_MODULES])
    for path in _heavy_scripts():
        await asyncio.to_thread(_compressed, path)
    yield


bound_connections()
sign_in.configure()
app = App(
    HERE / "app.py",
    middleware=[
        Middleware(SecurityHeaders),
        Middleware(FollowedLink, base_path=BASE_PATH),
        Middleware(StaticFiles),
        Middleware(Door, base_path=BASE_PATH),
        Middleware(Uploads),
    ],
    lifespan=_prepare,
    exception_handlers={Exception: server_error},
)
