"""The tokens of who is signed in, which the page forwards to the backend."""

import os

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

ISSUER = "CRIME_OIDC_ISSUER"  # environment variable


def is_sign_in_on() -> bool:
    """Whether the page asks who somebody is."""
    return bool(os.environ.get(ISSUER))


def forwarded() -> dict[str, str]:
    """Headers of a request to the backend that tell whose session it is for; none outside of a session."""
    if not is_sign_in_on() or get_script_run_ctx(suppress_warning=True) is None or not st.user.is_logged_in:
        return {}
    tokens = st.user.tokens
    return {"Authorization": f"Bearer {tokens['id']}", "X-Forwarded-Access-Token": tokens["access"]}
