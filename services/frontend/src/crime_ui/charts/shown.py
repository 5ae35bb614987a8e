"""How a page shows a figure: with a name for screen readers, and its numbers to open and download."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from crime_ui.language import _
from crime_ui.literal import literal, literal_figure, tamed_csv

CONFIG = {"displayModeBar": False}  # for `st.plotly_chart`
MODEBAR = {"displayModeBar": True, "displaylogo": False, "modeBarButtons": [["toImage"]]}  # with a button for PNG


def show(
    figure: go.Figure,
    key: str,
    name: str,
    table: Mapping[str, Sequence[Any]],
    config: Mapping[str, Any] = CONFIG,
    **arguments: Any,
) -> None:
    """Draw a figure, and below it its numbers: `table` holds a column by heading.

    `name`: what the figure shows, in a few words. `config`: Plotly's. Further arguments are `st.plotly_chart`'s.
    """
    st.plotly_chart(literal_figure(figure), key=key, config=dict(config), alt=name, **arguments)
    show_numbers(key, name, table)


@st.fragment
def show_numbers(key: str, name: str, table: Mapping[str, Sequence[Any]]) -> None:
    """An expander with a table that is made when somebody opens it."""
    label = literal(_("Numbers: {name}").format(name=name))
    expander = st.expander(label, key=f"open-{key}", icon=":material/table:", on_change="rerun")
    if not expander.open:
        return
    frame = pd.DataFrame(table)
    with expander:
        st.dataframe(frame, hide_index=True, key=f"numbers-{key}")
        st.download_button(
            _("Download as CSV"),
            tamed_csv(frame),
            file_name=f"{key}.csv",
            mime="text/csv",
            key=f"csv-{key}",
            on_click="ignore",
        )
