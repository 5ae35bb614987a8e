"""Counts of reports by name, over time, and by weekday and hour, also beside those of an earlier time."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from crime_ui.charts.style import BLUE, GREY, styled


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


def compared_bars(
    counts: Mapping[str, int], earlier: Mapping[str, int] | None = None, names: Sequence[str] = ()
) -> go.Figure:
    """Horizontal bars by name, in the order given; of `earlier` in grey below. `names`: of now and of earlier."""
    figure = go.Figure()
    for series, name, colour in _series(counts, earlier, names):
        figure.add_bar(
            x=[series.get(key, 0) for key in counts],
            y=list(counts),
            orientation="h",
            marker_color=colour,
            name=name,
            hovertemplate="%{y}: %{x:,}<extra>%{fullData.name}</extra>",
        )
    figure.update_yaxes(autorange="reversed", automargin=True)
    return _with_legend(styled(figure, 320), bool(earlier))


def over_time(counts: Mapping[str, int], earlier: Mapping[str, int] | None, names: Sequence[str]) -> go.Figure:
    """Bars by day, week or month, in the order given; of `earlier`, day by day beside them, a grey line.

    `names`: of now and of earlier.
    """
    figure = go.Figure()
    figure.add_bar(
        x=list(counts),
        y=list(counts.values()),
        marker_color=BLUE,
        name=names[0] if names else "",
        hovertemplate="%{x}: %{y:,}<extra></extra>",
    )
    if earlier:
        figure.add_scatter(
            x=list(counts)[: len(earlier)],
            y=list(earlier.values())[: len(counts)],
            mode="lines+markers",
            line={"color": GREY, "width": 2},
            name=names[1],
            customdata=list(earlier),
            hovertemplate="%{customdata}: %{y:,}<extra></extra>",
        )
    figure.update_xaxes(type="category", nticks=12)
    figure.update_yaxes(rangemode="tozero")
    return _with_legend(styled(figure, 320), bool(earlier))


def weekday_hour(
    counts: Sequence[Sequence[int]], weekdays: Sequence[str], hour: str, scale: Sequence[tuple[float, str]]
) -> go.Figure:
    """A heat map of 7 rows (Monday first) of 24 counts. `hour`: title of the hours' axis; `scale`: of colours."""
    figure = go.Figure(
        go.Heatmap(
            z=counts,
            x=list(range(24)),
            y=list(weekdays),
            colorscale=[list(stop) for stop in scale],
            zmin=0,
            hovertemplate="%{y} %{x}:00: %{z:,}<extra></extra>",
            colorbar={"thickness": 12, "orientation": "h", "y": -0.2, "yanchor": "top"},
            xgap=1,
            ygap=1,
        )
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title=hour, dtick=3)
    return styled(figure, 360)


def _series(
    counts: Mapping[str, int], earlier: Mapping[str, int] | None, names: Sequence[str]
) -> list[tuple[Mapping[str, int], str, str]]:
    now = [(counts, names[0] if names else "", BLUE)]
    return now if earlier is None else [*now, (earlier, names[1], GREY)]


def _with_legend(figure: go.Figure, shown: bool) -> go.Figure:
    return figure.update_layout(showlegend=shown, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
