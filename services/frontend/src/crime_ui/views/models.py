"""All about the models: whether all is well, how good versions are, decisions, how they run, and drift."""

import streamlit as st
from crime_ui import address
from crime_ui.language import _
from crime_ui.models_page.accuracy import show_accuracy
from crime_ui.models_page.decisions import show_decisions_section
from crime_ui.models_page.drift import show_drift
from crime_ui.models_page.health import show_health
from crime_ui.models_page.running import show_running


def page() -> None:
    st.title(_("Models"))
    show_health()
    sections = {
        "accuracy": _("How good"),
        "versions": _("Versions and decisions"),
        "running": _("How it runs"),
        "drift": _("Drift"),
    }
    section = address.switch(st, _("Section"), "show", sections, "accuracy", label_visibility="collapsed")
    shown = {
        "accuracy": show_accuracy,
        "versions": show_decisions_section,
        "running": show_running,
        "drift": show_drift,
    }
    shown[section]()


page()
