"""What a page does while the backend is down, or lacks a model."""

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


@st.fragment(run_every=5)
def rerun_once_other_models_serve(served: dict[str, str]) -> None:
    """Rerun the page once the versions that answer are not `served`, by model: what was refused may be there then."""
    with suppress(BackendDown, Refused):
        if cached.serving_versions() != served:
            st.rerun()
