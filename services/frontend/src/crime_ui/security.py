"""What the page lets a browser do: headers that stand on every answer of its server, errors included.

The policy names the page's own address and nothing else, so that whatever text ever got into the page as HTML could
load nothing, send nothing and run nothing. One exception is the server of street map tiles that an installation names.
"""

import base64
import hashlib
import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crime_ui.browser import scripts

INDEX = Path(streamlit.__file__).parent / "static" / "index.html"
HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
FEATURES: tuple[str, ...] = (
    "accelerometer",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
)
FEATURES += ("microphone", "midi", "payment", "publickey-credentials-get", "serial", "usb", "xr-spatial-tracking")
HEADERS = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": ", ".join(f"{feature}=()" for feature in FEATURES),
}
REFUSABLE = "websocket.http.response"  # of ASGI: a server that answers a refused WebSocket as it is told
REDIRECT = "CRIME_OIDC_REDIRECT"  # environment variable: the page's address as the sign-in provider knows it
POLICY = "content-security-policy"


class SecurityHeaders:
    """Middleware that sets `HEADERS` and the policy on every answer, also where a WebSocket is refused."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_accepted = False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_accepted
            is_accepted = is_accepted or message["type"] == "websocket.accept"
            if message["type"] == "websocket.close" and not is_accepted and REFUSABLE in scope.get("extensions", {}):
                headers = _with_headers(scope, [(b"content-type", b"text/plain")])
                await send({"type": f"{REFUSABLE}.start", "status": 403, "headers": headers})
                await send({"type": f"{REFUSABLE}.body", "body": b""})
                return
            if message["type"] in ("http.response.start", "websocket.http.response.start", "websocket.accept"):
                message["headers"] = _with_headers(scope, message.get("headers", ()))
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _with_headers(scope: Scope, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Also instead of headers of these names that an answer has itself."""
    own = all_headers(dict(scope["headers"]).get(b"host", b"").decode("latin-1"))
    names = {name for name, _value in own}
    return [*((name, _secured(name, value)) for name, value in headers if name.lower() not in names), *own]


def _secured(name: bytes, value: bytes) -> bytes:
    """A header's value; of a cookie one that a browser sends over HTTPS alone, where the page is at an HTTPS address.

    Streamlit knows that address only where its own server has the certificate, and never marks the session's cookie.
    """
    is_open_cookie = name.lower() == b"set-cookie" and b"; secure" not in value.lower()
    return value + b"; Secure" if is_open_cookie and os.environ.get(REDIRECT, "").startswith("https://") else value


def all_headers(host: str) -> list[tuple[bytes, bytes]]:
    """As a server sends them. `host`: as the browser names the page's."""
    return [(name.encode(), value.encode()) for name, value in {**HEADERS, POLICY: policy(host)}.items()]


async def server_error(request: Request, error: Exception) -> Response:
    """The answer to a request that failed, which no middleware sees."""
    headers = {name.decode(): value.decode() for name, value in all_headers(request.headers.get("host", ""))}
    return PlainTextResponse("Internal Server Error", 500, headers=headers)


def policy(host: str) -> str:
    """The content security policy of the page at this host, as its browser names it."""
    streams = [f"{scheme}://{host}" for scheme in ("ws", "wss") if HOST.fullmatch(host)]  # older Safari: not in 'self'
    tiles = tiles_origin()
    sources = {
        "default-src": ["'none'"],
        "script-src": ["'self'", "'wasm-unsafe-eval'", *script_hashes()],
        "style-src": ["'self'", "'unsafe-inline'"],  # of Streamlit's styled components, and of figures
        "img-src": ["'self'", "data:", "blob:", *tiles],
        "font-src": ["'self'", "data:"],
        "connect-src": ["'self'", *streams, *tiles],
        "media-src": ["'self'"],
        "worker-src": ["'self'", "blob:"],  # in which maps are drawn
        "manifest-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-src": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in sources.items())


def tiles_origin() -> list[str]:
    """The scheme and host of the street map that `CRIME_TILES_URL` names; none if it names none."""
    url = urlsplit(os.environ.get("CRIME_TILES_URL", ""))
    host = url.netloc.rpartition("@")[2]
    return [f"{url.scheme}://{host}"] if url.scheme in ("http", "https") and HOST.fullmatch(host) else []


@cache
def script_hashes() -> tuple[str, ...]:
    """The scripts that stand in a page itself: Streamlit's, of its index.html, and the page's own."""
    of_streamlit = re.findall(r"<script>(.*?)</script>", INDEX.read_text(), re.DOTALL)
    digests = (hashlib.sha256(script.encode()).digest() for script in [*of_streamlit, *scripts()])
    return tuple(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
