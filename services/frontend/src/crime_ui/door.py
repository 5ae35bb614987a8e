"""The door of what belongs to no view: files that people upload, and those that the page made for somebody.

Views have a door of their own, `sign_in.require`.
"""

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from crime_ui.client.tokens import is_sign_in_on
from crime_ui.sign_in import has_session

FILES = ("/_stcore/upload_file", "/media")


class Door:
    """Middleware that refuses files of sessions to those who are not signed in, where people have to."""

    def __init__(self, app: ASGIApp, base_path: str):
        self.app = app
        below = base_path.strip("/")
        self.files = tuple(f"/{below}{path}" if below else path for path in FILES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_file = scope["type"] == "http" and scope["path"].startswith(self.files)
        if is_file and is_sign_in_on() and not has_session(HTTPConnection(scope).cookies):
            refusal = PlainTextResponse("sign in first", 403, headers={"Connection": "close"})  # a body is not read
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)
