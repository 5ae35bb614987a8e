"""Who is signed in."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from crime.serving.dependencies import settings_of
from crime.serving.sign_in.identity import signed_in
from crime.serving.sign_in.roles import Role

router = APIRouter(tags=["sign-in"])


class Me(BaseModel):
    """`role`: viewer, analyst or decider. `subject`: the sign-in provider's id of who asks. `expires`: Unix seconds.

    Name, subject and expiry are null for a machine's token, and without sign-in.
    """

    sign_in: bool
    name: str | None = None
    subject: str | None = None
    role: str
    expires: float | None = None


@router.get("/me")
async def me(request: Request) -> Me:
    """Who asks, as the provider's token tells, and with which role."""
    is_on = bool(settings_of(request).oidc_issuer)
    identity = signed_in(request)
    if identity is None:
        return Me(sign_in=is_on, role=Role.decider.name)
    return Me(
        sign_in=is_on,
        name=identity.name,
        subject=identity.subject,
        role=identity.role.name,
        expires=identity.expires,
    )
