"""What all figures share: colours, and a layout without margins, legend and zoom."""

import plotly.graph_objects as go

from crime_ui.language import current

BLUE, RED, GREY = "#2a6fdb", "#d1495b", "#8a94a3"
SCALE = ((0.0, "#dbe8fb"), (0.5, "#5b93e6"), (1.0, "#0b3d91"))


def date_axis(figure: go.Figure) -> go.Figure:
    """With days on the horizontal axis, in figures where the library does not know the language's months."""
    if current() != "en":
        figure.update_xaxes(tickformat="%d/%m/%y", hoverformat="%d/%m/%Y")
    return figure


def styled(figure: go.Figure, height: int) -> go.Figure:
    """Without margins, legend and zoom; `height` in pixels."""
    figure.update_layout(height=height, margin={"l": 0, "r": 0, "t": 8, "b": 0}, showlegend=False, bargap=0.25)
    if current() != "en":
        figure.update_layout(separators=", ")  # of decimals, and of thousands
    figure.update_xaxes(fixedrange=True)
    figure.update_yaxes(fixedrange=True)
    return figure
