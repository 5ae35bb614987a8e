"""Plotly figures. They need no internet."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import plotly.graph_objects as go

from crime_ui.client.answers import CalibrationBin, DayCount, DriftPeriod, ForecastDay, Place, Week

BLUE, RED, GREY = "#2a6fdb", "#d1495b", "#8a94a3"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SCALE = ((0.0, "#dbe8fb"), (0.5, "#5b93e6"), (1.0, "#0b3d91"))
LONGEST_LABEL = 46  # characters of an axis label
CONFIG = {"displayModeBar": False}  # for `st.plotly_chart`


@dataclass(frozen=True)
class Area:
    """One of LAPD's 21 areas; `rings` of its boundary are lists of [longitude, latitude]."""

    number: int
    name: str
    rings: list[list[list[float]]]


@cache
def areas() -> list[Area]:
    features = json.loads((Path(__file__).parent / "areas.geojson").read_text())["features"]
    return [
        Area(
            number=feature["properties"]["area"],
            name=feature["properties"]["name"],
            rings=[ring for polygon in feature["geometry"]["coordinates"] for ring in polygon],
        )
        for feature in features
    ]


def _styled(figure: go.Figure, height: int) -> go.Figure:
    """Without margins, legend and zoom; `height` in pixels."""
    figure.update_layout(height=height, margin={"l": 0, "r": 0, "t": 8, "b": 0}, showlegend=False, bargap=0.25)
    figure.update_xaxes(fixedrange=True)
    figure.update_yaxes(fixedrange=True)
    return figure


def probabilities(by_category: Mapping[str, float], predicted: str) -> go.Figure:
    """All categories, the most likely at the top."""
    ranked = sorted(by_category.items(), key=lambda item: item[1])
    figure = go.Figure(
        go.Bar(
            x=[probability for _, probability in ranked],
            y=[name for name, _ in ranked],
            orientation="h",
            marker_color=[BLUE if name == predicted else GREY for name, _ in ranked],
            text=[f"{probability:.1%}" for _, probability in ranked],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2%}<extra></extra>",
        )
    )
    figure.update_xaxes(range=[0, 1.12], visible=False)
    return _styled(figure, 270)


def reasons(contributions: Sequence[tuple[str, float]]) -> go.Figure:
    """Log-odds that each field contributed, in the order given: to the right for the category, to the left against."""
    upwards = list(reversed(contributions))
    figure = go.Figure(
        go.Bar(
            x=[log_odds for _, log_odds in upwards],
            y=[_shortened(name) for name, _ in upwards],
            orientation="h",
            marker_color=[BLUE if log_odds > 0 else RED for _, log_odds in upwards],
            customdata=[name for name, _ in upwards],
            hovertemplate="%{customdata}: %{x:+.2f} log-odds<extra></extra>",
        )
    )
    figure.update_xaxes(title="against  ←  log-odds  →  for", zeroline=True)
    return _styled(figure, 70 + 30 * len(upwards))


def _shortened(label: str) -> str:
    return label if len(label) < LONGEST_LABEL else label[: LONGEST_LABEL - 2] + "…"


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
    return _styled(figure, 300)


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
    return _styled(figure, 300)


def area_map(by_area: Mapping[str, float], label: str = "{:,} reports") -> go.Figure:
    """A choropleth of the areas' boundaries, drawn as polygons: it needs no map service.

    `by_area`: a value by area number; an area that is missing has 0. `label` formats it for the hover text.
    """
    largest = max(by_area.values(), default=0) or 1
    figure = go.Figure()
    for area in areas():
        x: list[float | None] = []
        y: list[float | None] = []
        for ring in area.rings:  # None lifts the pen between two rings
            x += [point[0] for point in ring] + [None]
            y += [point[1] for point in ring] + [None]
        value = by_area.get(str(area.number), 0)
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            fill="toself",
            fillcolor=_shade(value / largest),
            line={"color": "rgba(255,255,255,0.8)", "width": 1},
            text=f"{area.name}: {label.format(value)}",
            hoverinfo="text",
            hoveron="fills",
            name=area.name,
        )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x", scaleratio=1.2)  # a degree of longitude is shorter at 34° N
    return _styled(figure, 520)


def _shade(share: float) -> str:
    """The colour of a share from 0 to 1, interpolated between the stops of `SCALE`."""
    (low, low_color), (high, high_color) = SCALE[:2] if share <= SCALE[1][0] else SCALE[1:]
    weight = (share - low) / (high - low)
    mixed = (round(a + (b - a) * weight) for a, b in zip(_channels(low_color), _channels(high_color), strict=True))
    return "rgb({},{},{})".format(*mixed)


def _channels(color: str) -> list[int]:
    """Red, green and blue of a colour such as #2a6fdb."""
    return [int(color[start : start + 2], 16) for start in (1, 3, 5)]


def confusion(counts: Sequence[Sequence[int]], names: Sequence[str]) -> go.Figure:
    """Rows are what was reported, columns what was predicted; the shade is the share of the row."""
    figure = go.Figure(
        go.Heatmap(
            z=[[cell / (sum(row) or 1) for cell in row] for row in counts],
            x=list(names),
            y=list(names),
            text=counts,
            texttemplate="%{text:,}",
            colorscale=SCALE,
            zmin=0,
            zmax=1,
            showscale=False,
            hovertemplate="reported %{y}, predicted %{x}: %{text:,} (%{z:.0%})<extra></extra>",
            xgap=2,
            ygap=2,
        )
    )
    figure.update_yaxes(autorange="reversed", title="reported")
    figure.update_xaxes(title="predicted", tickangle=-35)
    return _styled(figure, 470)


def calibration(bins: Sequence[CalibrationBin]) -> go.Figure:
    """Accuracy by confidence. On the dotted line, a probability of 70 % is right 70 % of the time."""
    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dot"}, hoverinfo="skip")
    figure.add_scatter(
        x=[bin_["confidence"] for bin_ in bins],
        y=[bin_["accuracy"] for bin_ in bins],
        mode="lines+markers",
        line={"color": BLUE},
        marker={"size": [8 + 26 * bin_["share"] for bin_ in bins], "color": BLUE},
        customdata=[bin_["share"] for bin_ in bins],
        hovertemplate="given %{x:.0%}, right %{y:.0%} (%{customdata:.0%} of reports)<extra></extra>",
    )
    figure.update_xaxes(title="probability given", range=[0, 1.03], tickformat=".0%")
    figure.update_yaxes(title="share that was right", range=[0, 1.05], tickformat=".0%")
    return _styled(figure, 470)


def with_districts(figure: go.Figure, places: Sequence[Place]) -> go.Figure:
    """An area map with a dot at the centre of each district's reports, in proportion to the expected number."""
    shown = [place for place in places if place["latitude"]]
    largest = max((place["mean"] for place in shown), default=0) or 1
    for outline in figure.data:
        outline.update(fillcolor="rgba(138,148,163,0.15)", hoverinfo="skip", line={"color": GREY})
    figure.add_scatter(
        x=[place["longitude"] for place in shown],
        y=[place["latitude"] for place in shown],
        mode="markers",
        marker={"size": [3 + 15 * (place["mean"] / largest) ** 0.5 for place in shown], "color": BLUE, "opacity": 0.55},
        text=[f"{place['name']}: {place['mean']:.2f} reports expected" for place in shown],
        hoverinfo="text",
    )
    return figure


def forecast_fan(
    known: Sequence[DayCount], days: Sequence[ForecastDay], known_label: str = "known so far"
) -> go.Figure:
    """Expected reports by day with their 95 % and 80 % bands, and the reports that are known."""
    figure = go.Figure()
    dates = [day["date"] for day in days]
    bands = (
        ([day["low95"] for day in days], [day["high95"] for day in days], 0.14),
        ([day["low80"] for day in days], [day["high80"] for day in days], 0.26),
    )
    for low, high, opacity in bands:
        figure.add_scatter(
            x=dates + dates[::-1],
            y=high + low[::-1],
            fill="toself",
            fillcolor=f"rgba(42,111,219,{opacity})",
            line={"width": 0},
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=dates,
        y=[day["mean"] for day in days],
        mode="lines",
        line={"color": BLUE, "width": 2.5},
        hovertemplate="%{x}: %{y:.1f} expected<extra></extra>",
    )
    figure.add_scatter(
        x=[day["date"] for day in known],
        y=[day["reports"] for day in known],
        mode="lines+markers",
        line={"color": GREY, "width": 1},
        marker={"size": 5},
        hovertemplate="%{x}: %{y:,} " + known_label + "<extra></extra>",
    )
    figure.update_yaxes(title="reports a day", rangemode="tozero")
    return _styled(figure, 320)


def year_of_weeks(weeks: Sequence[Week]) -> go.Figure:
    """Reports by week as a line, inside the 95 % range that a forecast had given where there was one."""
    figure = go.Figure()
    ranges = [(week["low95"], week["high95"]) for week in weeks]
    known = [(week["last"], low, high) for week, (low, high) in zip(weeks, ranges, strict=True) if low is not None]
    figure.add_scatter(
        x=[last for last, _, _ in known] + [last for last, _, _ in reversed(known)],
        y=[high for _, _, high in known] + [low for _, low, _ in reversed(known)],
        fill="toself",
        fillcolor="rgba(42,111,219,0.2)",
        line={"width": 0},
        hoverinfo="skip",
    )
    counts = [week["reports"] for week in weeks]
    outside = [
        low is not None and high is not None and not low <= count <= high
        for count, (low, high) in zip(counts, ranges, strict=True)
    ]
    figure.add_scatter(
        x=[week["last"] for week in weeks],
        y=counts,
        mode="lines+markers",
        line={"color": BLUE, "width": 2},
        marker={"size": [9 if out else 5 for out in outside], "color": [RED if out else BLUE for out in outside]},
        customdata=["" if low is None else f" ({low:,.0f} to {high:,.0f} expected)" for low, high in ranges],
        hovertemplate="week to %{x}: %{y:,} reports%{customdata}<extra></extra>",
    )
    figure.update_yaxes(title="reports a week", rangemode="tozero")
    return _styled(figure, 320)


def drift_history(history: Sequence[DriftPeriod], threshold: float) -> go.Figure:
    """PSI of each feature over time; the dashed line is the threshold of drift."""
    figure = go.Figure()
    names = sorted({name for period in history for name in period["psi"]})
    for name in names:
        figure.add_scatter(
            x=[period["until"] for period in history],
            y=[period["psi"].get(name) for period in history],
            name=name,
            mode="lines+markers",
            hovertemplate=f"{name}: %{{y:.3f}}<extra></extra>",
        )
    figure.add_hline(threshold, line_dash="dash", line_color=RED)
    figure = _styled(figure, 320)
    return figure.update_layout(showlegend=True, legend={"orientation": "h", "y": -0.2})
