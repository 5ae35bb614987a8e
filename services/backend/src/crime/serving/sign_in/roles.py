"""Roles, which a claim of the provider gives, and which of them a request needs. Each has the rights of those below."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from crime.core.settings import Settings

READING = ("GET", "HEAD", "OPTIONS")
VIEWERS_POSTS = ("/predict", "/explain")  # single reports; the other calls take tables
MODELS_PREFIX = "/models/"


class Role(IntEnum):
    """none: signed in, but with no role here. viewer: reads, and predicts single reports. analyst: uploads tables and
    keeps reviews. decider: promotes, rolls back and challenges models.
    """

    none = 0
    viewer = 1
    analyst = 2
    decider = 3


def needed_role(method: str, path: str) -> Role:
    """The role that a request needs; of a path that is not known, that of its method."""
    if method in READING or path in VIEWERS_POSTS:
        return Role.viewer
    return Role.decider if path.startswith(MODELS_PREFIX) else Role.analyst


def given_role(claims: Mapping[str, Any], settings: Settings) -> Role:
    """The highest role that claims give. Everybody who is signed in is a viewer where no value is set for viewers."""
    values = claim_values(claims, settings.oidc_roles_claim)
    wanted = {
        Role.decider: settings.oidc_decider,
        Role.analyst: settings.oidc_analyst,
        Role.viewer: settings.oidc_viewer,
    }
    given = next((role for role, value in wanted.items() if value and value in values), Role.none)
    return given if given or settings.oidc_viewer else Role.viewer


def claim_values(claims: Mapping[str, Any], name: str) -> set[str]:
    """The texts of a claim: of a list, or of a text with blanks between them, as `scope` has.

    Dots lead into objects (Keycloak's `realm_access.roles`), unless a claim has the whole name.
    """
    value: Any = claims.get(name)
    if value is None:
        value = claims
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return {value, *value.split()}
    return {one for one in value if isinstance(one, str)} if isinstance(value, list) else set()
