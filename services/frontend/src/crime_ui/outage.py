"""What a page shows while the backend is down or has no forecast yet."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import streamlit as st

from crime_ui.client import cached, monitoring
from crime_ui.client.transport import BackendDown, Refused
from crime_ui.language import _
from crime_ui.literal import refusal_text


@contextmanager
def outage_message() -> Iterator[None]:
    """Show a message instead of a traceback while the backend is down, and rerun the page once it is ready."""
    try:
        yield
    except BackendDown as down:
        st.error(
            _("**The prediction service can't be reached.** What you entered is kept."), icon=":material/cloud_off:"
        )
        st.caption(_("This page tries again every two seconds. ({reason})").format(reason=refusal_text(down)))
        _rerun_once_ready()
        st.button(_("Try now"), icon=":material/refresh:")


@st.fragment(run_every=2)
def _rerun_once_ready() -> None:
    if monitoring.is_ready():
        st.rerun()


def nothing_yet(message: str) -> None:
    """Say that there is nothing to show yet, and rerun the page once the backend serves other model versions."""
    st.info(message, icon=":material/event_busy:")
    _rerun_once_versions_change(cached.serving_versions())


@st.fragment(run_every=5)
def _rerun_once_versions_change(served: dict[str, str]) -> None:
    with suppress(BackendDown, Refused):
        if cached.serving_versions() != served:
            st.rerun()
