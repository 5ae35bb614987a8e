"""Who makes a request. Light: it is imported with or without sign-in."""

from dataclasses import dataclass

from starlette.requests import Request

from crime.serving.sign_in.roles import Role

IDENTITY = "crime.identity"  # key of a request's scope: the `Identity` of who makes it; None for the machine's token


@dataclass(frozen=True)
class Identity:
    """A person or a program. `subject`: the provider's id of them, which never changes. `expires`: Unix seconds."""

    name: str
    subject: str
    role: Role
    expires: float

    def __str__(self) -> str:
        return self.name if self.name == self.subject else f"{self.name} ({self.subject})"


def signed_in(request: Request) -> Identity | None:
    """Who makes a request; None without sign-in, and for a machine."""
    identity: Identity | None = request.scope.get(IDENTITY)
    return identity
