"""Middleware that lets nobody in who is not signed in, and to each call only those who have its role."""

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from crime.core.errors import CrimeError
from crime.core.settings import Settings
from crime.serving.errors import error_response
from crime.serving.machine_token import is_machine_token
from crime.serving.metrics import REFUSED
from crime.serving.middleware import PROBE_PATHS
from crime.serving.sign_in.identity import IDENTITY, Identity
from crime.serving.sign_in.roles import needed_role
from crime.serving.sign_in.tokens import Tokens

READ_HEADERS = (b"authorization", b"x-forwarded-access-token")
CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Doors:
    """Middleware outside of all that a request costs. Probes are open to all."""

    def __init__(self, app: ASGIApp, settings: Settings, tokens: Tokens):
        self.app, self.settings, self.tokens = app, settings, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBE_PATHS:
            await self.app(scope, receive, send)
            return
        try:
            scope[IDENTITY] = await self._identify(scope)
        except (HTTPException, CrimeError) as error:
            status = error.status_code if isinstance(error, HTTPException) else error.status
            text = error.detail if isinstance(error, HTTPException) else str(error)
            REFUSED.labels("sign-in" if status < 500 else "sign-in provider").inc()
            headers = {401: CHALLENGE, 503: {"Retry-After": "1"}}.get(status)
            await error_response(scope["path"], status, text, headers)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _identify(self, scope: Scope) -> Identity | None:
        """Who makes the request, None for a machine. Raises 401 and 403, `TokenError` and `ProviderError`."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in READ_HEADERS}
        scheme, _, token = headers.get(b"authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise HTTPException(401, "sign in: expected a bearer token")
        if token.count(".") != 2:  # no JSON Web Token
            if await run_in_threadpool(is_machine_token, token, self.settings):
                return None
            raise HTTPException(401, "sign in: not a token of the sign-in provider")
        identity = await self.tokens.identify(token.strip(), headers.get(b"x-forwarded-access-token", ""))
        needed = needed_role(scope["method"], scope["path"])
        if identity.role < needed:
            raise HTTPException(403, f"this needs the role {needed.name}; yours is {identity.role.name}")
        return identity
