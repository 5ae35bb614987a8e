"""Counts of reports by name, and by weekday and hour."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from crime_ui.charts.style import BLUE, SCALE, styled

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def bars(counts: Mapping[str, int], horizontal: bool = False) -> go.Figure:
    """Counts by name, in the order given."""
    names, values = list(counts), list(counts.values())
    hover = "%{y}: %{x:,}<extra></extra>" if horizontal else "%{x}: %{y:,}<extra></extra>"
    x, y = (values, names) if horizontal else (names, values)
    figure = go.Figure(go.Bar(x=x, y=y, orientation="h" if horizontal else "v", marker_color=BLUE, hovertemplate=hover))
    if horizontal:
        figure.update_yaxes(autorange="reversed")
    else:
        figure.update_xaxes(type="category")
    return styled(figure, 300)


def weekday_hour(counts: Sequence[Sequence[int]]) -> go.Figure:
    """A heat map of 7 rows (Monday first) of 24 counts."""
    figure = go.Figure(
        go.Heatmap(
            z=counts,
            x=list(range(24)),
            y=WEEKDAYS,
            colorscale=SCALE,
            hovertemplate="%{y} %{x}:00: %{z:,}<extra></extra>",
            showscale=False,
            xgap=1,
            ygap=1,
        )
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title="hour", dtick=3)
    return styled(figure, 300)
