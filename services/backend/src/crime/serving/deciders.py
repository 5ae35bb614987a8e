"""Who decides something, as the record says it."""

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from crime.serving.dependencies import settings_of
from crime.serving.sign_in.identity import signed_in

BY_MACHINE = " (machine token)"  # so that nobody passes for somebody who was signed in


def decided_by(request: Request, by: str | None, where: str = "body") -> str:
    """Who is signed in, or else `by`, which a request says itself. Raises 422 if nobody is told.

    `where`: the part of the request that `by` is in.
    """
    if identity := signed_in(request):
        return str(identity)
    if by is None:
        raise RequestValidationError([{"loc": (where, "by"), "msg": "Field required", "type": "missing"}])
    return by + BY_MACHINE if settings_of(request).oidc_issuer else by
