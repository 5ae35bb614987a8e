"""Sign-in by OpenID Connect: Streamlit's own, and who may see what. Without an issuer the page is open to all.

The provider's tokens stay in Streamlit's signed cookie, which any pod can read. The page forwards them to the backend,
which alone checks them and tells the role.
"""

import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import streamlit as st
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from crime_ui.client.answers import Me
from crime_ui.client.tokens import ISSUER, is_sign_in_on
from crime_ui.client.transport import Refused, send
from crime_ui.language import _
from crime_ui.literal import literal, refusal_text
from crime_ui.security import REDIRECT

ROLES = ("none", "viewer", "analyst", "decider")
KNOWN_SECONDS = 5.0  # for which a session's role is not asked again
PROVIDER_SECONDS = 3.0
_KNOWN = "who is signed in"  # in the session


def configure() -> None:
    """Hand Streamlit the provider, from environment variables and the files of a Secret, before its server starts.

    Raises `KeyError` and `OSError` where a part is missing.
    """
    if not is_sign_in_on():
        return
    secrets = Path(os.environ["CRIME_OIDC_SECRETS"])
    parts = {
        "redirect_uri": os.environ[REDIRECT],
        "cookie_secret": (secrets / "cookieSecret").read_text().strip(),
        "client_id": os.environ["CRIME_OIDC_CLIENT_ID"],
        "client_secret": (secrets / "clientSecret").read_text().strip(),
        "server_metadata_url": _metadata_url(),
    }
    kept = {"scope": os.environ.get("CRIME_OIDC_SCOPE", "openid email profile"), "prompt": ""}
    lines = ["[auth]", 'expose_tokens = ["id", "access"]']
    lines += [f"{name} = {json.dumps(value)}" for name, value in parts.items()]  # a JSON text is one of TOML
    lines += ["[auth.client_kwargs]", *(f"{name} = {json.dumps(value)}" for name, value in kept.items())]
    with tempfile.NamedTemporaryFile("w", suffix=".toml", delete=False) as file:  # which others can't read
        file.write("\n".join(lines))
    st.config.set_option("secrets.files", [file.name])


def require() -> None:
    """Let nobody go on who is not signed in or has no role here. Raises `BackendDown`."""
    if not is_sign_in_on():
        return
    if not is_done():
        _offer("")
    known: tuple[float, Me] | None = st.session_state.get(_KNOWN)
    if known is None or time.monotonic() - known[0] > KNOWN_SECONDS:
        try:
            me: Me = send("GET", "/me").json()
        except Refused as refusal:
            st.session_state.pop(_KNOWN, None)
            if refusal.status == 403:
                _refuse()
            _offer(refusal_text(refusal))
        st.session_state[_KNOWN] = (time.monotonic(), me)


def is_done() -> bool:
    """Whether somebody is signed in, or need not be."""
    return not is_sign_in_on() or bool(st.user.is_logged_in)


def has_session(cookies: Mapping[str, str]) -> bool:
    """Whether cookies of a request, which belongs to no run of the page, are of somebody who is signed in."""

    def signed(name: str) -> bytes | None:
        return decode_signed_value(get_cookie_secret(), name, cookies[name]) if name in cookies else None

    return bool(get_cookie_with_chunks(signed, USER_COOKIE_NAME))


def role() -> str:
    """The role in this session, one of `ROLES`; the highest without sign-in."""
    known: tuple[float, Me] | None = st.session_state.get(_KNOWN)
    return known[1]["role"] if is_sign_in_on() and known else ROLES[-1]


def name() -> str:
    """Who is signed in, as the record names them; blank without sign-in."""
    known: tuple[float, Me] | None = st.session_state.get(_KNOWN)
    return known[1]["name"] or "" if is_sign_in_on() and known else ""


def may(needed: str) -> bool:
    """Whether this session has a role, or one above it."""
    return ROLES.index(role()) >= ROLES.index(needed)


def need(needed: str) -> None:
    """Show a view's rest only to those who have this role, or one above it."""
    if not may(needed):
        text = _("This needs the role {needed}; yours is {role}.")
        st.info(text.format(needed=_role_name(needed), role=_role_name(role())), icon=":material/lock:")
        st.stop()


def show() -> None:
    """Who is signed in, with a button to sign out, for the foot of every page."""
    if not is_sign_in_on() or not (known := st.session_state.get(_KNOWN)):
        return
    me: Me = known[1]
    text = _("{name}, {role}").format(name=literal(me["name"] or ""), role=_role_name(me["role"]))
    st.caption(text)
    if st.button(_("Sign out"), key="sign-out", type="tertiary", icon=":material/logout:"):
        st.logout()


def _role_name(name: str) -> str:
    return {"viewer": _("viewer"), "analyst": _("analyst"), "decider": _("decider")}.get(name, name)


def _offer(why: str) -> None:
    """The page of who is not signed in. `why`: what ended the session, if something did."""
    st.title(_("Crime prediction"))
    if why:
        st.warning(why, icon=":material/lock_clock:")
    if _provider_answers():
        if st.button(_("Sign in"), type="primary", icon=":material/login:"):
            st.login()
    else:
        st.error(
            _("**Nobody can sign in now:** the sign-in provider does not answer. Who is signed in already can go on."),
            icon=":material/cloud_off:",
        )
        st.button(_("Try again"), icon=":material/refresh:")
    st.stop()


def _refuse() -> None:
    """The page of who is signed in, but has no role here."""
    st.title(_("Crime prediction"))
    text = _("You are signed in, but your account has no role here. Whoever administers accounts can give it one.")
    st.error(text, icon=":material/lock:")
    if st.button(_("Sign out"), icon=":material/logout:"):
        st.logout()
    st.stop()


def _metadata_url() -> str:
    return os.environ[ISSUER].rstrip("/") + "/.well-known/openid-configuration"


@st.cache_data(ttl=5, show_spinner=False)
def _provider_answers() -> bool:
    try:
        return httpx.get(_metadata_url(), timeout=PROVIDER_SECONDS).is_success
    except httpx.HTTPError:
        return False
