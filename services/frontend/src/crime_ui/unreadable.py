"""The message about entries of a record that can't be read, which hide no others."""

import streamlit as st

from crime_ui.language import ngettext, number


def tell_unreadable(count: int) -> None:
    """Say how many entries the backend left out, if any."""
    if count:
        text = ngettext(
            "{count} entry of the record can't be read and is left out: the backend's log names it.",
            "{count} entries of the record can't be read and are left out: the backend's log names them.",
            count,
        )
        st.warning(text.format(count=number(count)), icon=":material/report:")
