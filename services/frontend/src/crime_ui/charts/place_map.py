"""How a page shows a map: one to zoom on the screen, and one that can be printed."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from crime_ui.charts import maps
from crime_ui.charts.maps import MapPlace
from crime_ui.charts.shown import show
from crime_ui.language import _


def show_map(places: Sequence[MapPlace], label: str, digits: int, name: str, area: int | None) -> None:
    """Draw places with their values, and below it these as a table.

    `label`: what the values are, shown with `digits` decimals; `name`: what the map shows; `area`: the number of the
    one that is shown, or the whole city.
    """
    dark = st.context.theme.type == "dark"
    ranked = sorted(places, key=lambda place: -place.value)
    table: dict[str, Sequence[Any]] = {
        _("Place"): [place.name for place in ranked],
        label: [place.value for place in ranked],
    }
    with st.container(key="screen-map"):
        show(maps.place_map(places, label, digits, dark, area), "map", name, table, maps.CONFIG)
    with st.container(key="paper-map"):
        st.image(maps.printed_map(places, area))
        most = f"{ranked[0].value:,.{digits}f}" if ranked else "0"
        st.caption(_("{label}: the palest is 0, the darkest {most}.").format(label=label, most=most))
