"""Plotly figures. None of them fetches anything from the internet."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

BLUE, RED, GREY = "#2a6fdb", "#d1495b", "#8a94a3"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SCALE = ((0.0, "#dbe8fb"), (0.5, "#5b93e6"), (1.0, "#0b3d91"))


@cache
def areas() -> list[dict[str, Any]]:
    """LAPD's 21 areas: number, name and rings of (longitude, latitude)."""
    features = json.loads((Path(__file__).parent / "areas.geojson").read_text())["features"]
    return [
        {
            "area": feature["properties"]["area"],
            "name": feature["properties"]["name"],
            "rings": [ring for polygon in feature["geometry"]["coordinates"] for ring in polygon],
        }
        for feature in features
    ]


def _plain(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(height=height, margin={"l": 0, "r": 0, "t": 8, "b": 0}, showlegend=False, bargap=0.25)
    figure.update_xaxes(fixedrange=True)
    figure.update_yaxes(fixedrange=True)
    return figure


def probabilities(shares: Mapping[str, float], chosen: str) -> go.Figure:
    """All categories, the most likely at the top."""
    ranked = sorted(shares.items(), key=lambda item: item[1])
    figure = go.Figure(
        go.Bar(
            x=[share for _, share in ranked],
            y=[name for name, _ in ranked],
            orientation="h",
            marker_color=[BLUE if name == chosen else GREY for name, _ in ranked],
            text=[f"{share:.1%}" for _, share in ranked],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2%}<extra></extra>",
        )
    )
    figure.update_xaxes(range=[0, 1.12], visible=False)
    return _plain(figure, 270)


def reasons(pushes: Sequence[tuple[str, float]]) -> go.Figure:
    """What each field did for the answer: to the right for it, to the left against."""
    shown = list(reversed(pushes))
    figure = go.Figure(
        go.Bar(
            x=[push for _, push in shown],
            y=[name if len(name) < 46 else name[:44] + "…" for name, _ in shown],
            orientation="h",
            marker_color=[BLUE if push > 0 else RED for _, push in shown],
            customdata=[name for name, _ in shown],
            hovertemplate="%{customdata}: %{x:+.2f} log-odds<extra></extra>",
        )
    )
    figure.update_xaxes(title="against  ←  log-odds  →  for", zeroline=True)
    return _plain(figure, 70 + 30 * len(shown))


def bars(counts: Mapping[str, int], horizontal: bool = False) -> go.Figure:
    names, values = list(counts), list(counts.values())
    hover = "%{y}: %{x:,}<extra></extra>" if horizontal else "%{x}: %{y:,}<extra></extra>"
    x, y = (values, names) if horizontal else (names, values)
    figure = go.Figure(go.Bar(x=x, y=y, orientation="h" if horizontal else "v", marker_color=BLUE, hovertemplate=hover))
    if horizontal:
        figure.update_yaxes(autorange="reversed")
    else:
        figure.update_xaxes(type="category")
    return _plain(figure, 300)


def weekday_hour(counts: Sequence[Sequence[int]]) -> go.Figure:
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
    return _plain(figure, 300)


def area_map(counts: Mapping[str, float], words: str = "{:,} reports") -> go.Figure:
    """A choropleth of the areas' real boundaries, drawn as polygons: no tiles, no map service."""
    most = max(counts.values(), default=0) or 1
    figure = go.Figure()
    for area in areas():
        x: list[float | None] = []
        y: list[float | None] = []
        for ring in area["rings"]:
            x += [point[0] for point in ring] + [None]
            y += [point[1] for point in ring] + [None]
        value = counts.get(str(area["area"]), 0)
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            fill="toself",
            fillcolor=_shade(value / most),
            line={"color": "rgba(255,255,255,0.8)", "width": 1},
            text=f"{area['name']}: {words.format(value)}",
            hoverinfo="text",
            hoveron="fills",
            name=area["name"],
        )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x", scaleratio=1.2)  # a degree of longitude is shorter at 34° N
    return _plain(figure, 520)


def _shade(share: float) -> str:
    stops = [(at, [int(color[i : i + 2], 16) for i in (1, 3, 5)]) for at, color in SCALE]
    (low, a), (high, b) = (stops[0], stops[1]) if share <= stops[1][0] else (stops[1], stops[2])
    t = (share - low) / (high - low)
    return "rgb({},{},{})".format(*(round(p + (q - p) * t) for p, q in zip(a, b, strict=True)))


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
    return _plain(figure, 470)


def calibration(bins: Sequence[Mapping[str, float]]) -> go.Figure:
    """On the line: when the model says 70 %, it is right 70 % of the time."""
    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dot"}, hoverinfo="skip")
    figure.add_scatter(
        x=[b["confidence"] for b in bins],
        y=[b["accuracy"] for b in bins],
        mode="lines+markers",
        line={"color": BLUE},
        marker={"size": [8 + 26 * b["share"] for b in bins], "color": BLUE},
        customdata=[b["share"] for b in bins],
        hovertemplate="said %{x:.0%}, right %{y:.0%} (%{customdata:.0%} of reports)<extra></extra>",
    )
    figure.update_xaxes(title="probability given", range=[0, 1.03], tickformat=".0%")
    figure.update_yaxes(title="share that was right", range=[0, 1.05], tickformat=".0%")
    return _plain(figure, 470)


def with_districts(figure: go.Figure, places: Sequence[Mapping[str, Any]]) -> go.Figure:
    """The map with a dot in the middle of each district's reports, as large as what is expected there."""
    shown = [place for place in places if place["latitude"]]
    most = max((place["mean"] for place in shown), default=0) or 1
    for outline in figure.data:
        outline.update(fillcolor="rgba(138,148,163,0.15)", hoverinfo="skip", line={"color": GREY})
    figure.add_scatter(
        x=[place["longitude"] for place in shown],
        y=[place["latitude"] for place in shown],
        mode="markers",
        marker={"size": [3 + 15 * (place["mean"] / most) ** 0.5 for place in shown], "color": BLUE, "opacity": 0.55},
        text=[f"{place['name']}: {place['mean']:.2f} reports expected" for place in shown],
        hoverinfo="text",
    )
    return figure


def fan(
    known: Sequence[Mapping[str, Any]], days: Sequence[Mapping[str, Any]], known_as: str = "known so far"
) -> go.Figure:
    """Expected reports by day with their 95 % and 80 % bands, and the reports that are known."""
    figure = go.Figure()
    dates = [day["date"] for day in days]
    for low, high, shade in (("low95", "high95", 0.14), ("low80", "high80", 0.26)):
        figure.add_scatter(
            x=dates + dates[::-1],
            y=[day[high] for day in days] + [day[low] for day in reversed(days)],
            fill="toself",
            fillcolor=f"rgba(42,111,219,{shade})",
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
        hovertemplate="%{x}: %{y:,} " + known_as + "<extra></extra>",
    )
    figure.update_yaxes(title="reports a day", rangemode="tozero")
    return _plain(figure, 320)


def drift(history: Sequence[Mapping[str, Any]], threshold: float) -> go.Figure:
    """PSI of each feature over time; the line is where it counts as drift."""
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
    figure = _plain(figure, 320)
    return figure.update_layout(showlegend=True, legend={"orientation": "h", "y": -0.2})
