"""Lead who signs in to the link that they followed: the provider sends every browser back to the page's start.

A cookie holds the link meanwhile. It leads nowhere but to a view of this page, whoever wrote it.
"""

import re
from urllib.parse import quote, unquote

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crime_ui import limits
from crime_ui.client.tokens import is_sign_in_on

COOKIE = "crime_link"
CALLBACK = "/oauth2callback"  # to which the provider sends browsers
SIGN_OUT = "/auth/logout"  # the next person shall not see what this one looked at
VIEW = re.compile(r"[a-z_]*(\?[!-~]*)?")  # below the page's own path: no second slash, so no other host


class FollowedLink:
    """Middleware that remembers the view that a browser opened last, and redirects there after a sign-in."""

    def __init__(self, app: ASGIApp, base_path: str):
        self.app, self.start = app, f"/{base_path.strip('/')}/".replace("//", "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not is_sign_in_on():
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(self.start[:-1])

        async def send_with_link(message: Message) -> None:
            if message["type"] == "http.response.start":
                if path == CALLBACK:
                    message["headers"] = self._leading_there(scope, message["headers"])
                elif path == SIGN_OUT:
                    message["headers"] = [*message["headers"], self._cookie("", "; Max-Age=0")]
                elif link := self._opened(scope, message["status"]):
                    message["headers"] = [*message["headers"], self._cookie(link)]
            await send(message)

        await self.app(scope, receive, send_with_link)

    def _opened(self, scope: Scope, status: int) -> str:
        """The view that a browser asks for; blank for all else, such as scripts."""
        headers = dict(scope["headers"])
        if status not in (200, 304) or b"text/html" not in headers.get(b"accept", b""):
            return ""
        query = scope["query_string"].decode("latin-1")
        return self._view(scope["path"] + (f"?{query}" if query else ""))

    def _cookie(self, link: str, more: str = "") -> tuple[bytes, bytes]:
        attributes = f"Path={self.start}; HttpOnly; SameSite=Lax{more}"
        return b"set-cookie", f"{COOKIE}={quote(link, safe='')}; {attributes}".encode()

    def _view(self, link: str) -> str:
        """The link if it leads to a view of this page; else blank."""
        is_own = link.startswith(self.start) and VIEW.fullmatch(link.removeprefix(self.start))
        return link if is_own and len(link) <= limits.LINK_CHARACTERS else ""

    def _leading_there(self, scope: Scope, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        link = self._view(unquote(HTTPConnection(scope).cookies.get(COOKIE, "")))
        if not link:
            return headers
        start = (b"location", self.start.encode())
        return [
            (b"location", link.encode()) if (name.lower(), value) == start else (name, value) for name, value in headers
        ]
