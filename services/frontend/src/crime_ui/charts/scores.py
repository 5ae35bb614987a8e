"""How good versions of a model are: dots of shares, calibration, confusion, and accuracy by week."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from crime_ui.charts.style import BLUE, GREY, SCALE, styled
from crime_ui.client.answers import CalibrationBin
from crime_ui.client.answers_models import EstimatedWeek, WeekOfPerformance
from crime_ui.language import _

# told apart by colour-blind people (Okabe and Ito 2008), in light and in dark, and by their shapes as well
COLORS = (BLUE, "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star", "x")
ROW_PIXELS = 30  # of a row of dots


@dataclass(frozen=True)
class Dots:
    """A share for each row of a figure, None where there is none, and what is told of it on hover."""

    name: str
    shares: Sequence[float | None]
    hover: Sequence[str]


def dots(rows: Sequence[str], versions: Sequence[Dots], guess: Dots | None = None) -> go.Figure:
    """Shares of versions, a line of dots for each row; `guess`: what always guessing reaches, as grey marks."""
    figure = go.Figure()
    # the later the smaller: equal shares lie on each other
    series = [
        (dots, COLORS[index % 6], SYMBOLS[index % 6], max(15 - 4 * index, 5)) for index, dots in enumerate(versions)
    ]
    if guess:
        series.insert(0, (guess, GREY, "line-ns-open", 16))
    for drawn, color, symbol, size in series:
        figure.add_scatter(
            x=list(drawn.shares),
            y=list(rows),
            name=drawn.name,
            mode="markers",
            marker={"color": color, "symbol": symbol, "size": size, "line": {"width": 2 if size == 16 else 0}},
            customdata=list(drawn.hover),
            hovertemplate="%{y}, %{fullData.name}: %{customdata}<extra></extra>",
        )
    figure.update_xaxes(range=[-0.03, 1.03], tickformat=".0%", dtick=0.25, zeroline=False)
    figure.update_yaxes(autorange="reversed", type="category", showgrid=True)
    return _with_legend(figure, 70 + ROW_PIXELS * len(rows))


def calibration(bins_by_version: Mapping[str, Sequence[CalibrationBin]]) -> go.Figure:
    """Share that was right by probability given. On the dotted line, 70 % is right 70 % of the time."""
    figure = go.Figure()
    line = {"color": GREY, "dash": "dot"}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=line, hoverinfo="skip", showlegend=False)
    for index, (name, bins) in enumerate(bins_by_version.items()):
        color = COLORS[index % 6]
        figure.add_scatter(
            x=[bin_["confidence"] for bin_ in bins],
            y=[bin_["accuracy"] for bin_ in bins],
            name=name,
            mode="lines+markers",
            line={"color": color},
            marker={"size": [7 + 20 * bin_["share"] for bin_ in bins], "color": color, "symbol": SYMBOLS[index % 6]},
            customdata=[bin_["share"] for bin_ in bins],
            hovertemplate=_("given {given}, right {right} ({share} of the reports)").format(
                given="%{x:.0%}", right="%{y:.0%}", share="%{customdata:.0%}"
            )
            + "<extra></extra>",
        )
    figure.update_xaxes(title=_("probability given"), range=[0, 1.03], tickformat=".0%")
    figure.update_yaxes(title=_("share that was right"), range=[0, 1.05], tickformat=".0%")
    return _with_legend(figure, 400)


def confusion(counts: Sequence[Sequence[int]], names: Sequence[str]) -> go.Figure:
    """Rows are what was reported, columns what was answered; the shade is the share of the row."""
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
            hovertemplate=_("reported {reported}, answered {answered}: {count} ({share})").format(
                reported="%{y}", answered="%{x}", count="%{text:,}", share="%{z:.0%}"
            )
            + "<extra></extra>",
            xgap=2,
            ygap=2,
        )
    )
    figure.update_yaxes(autorange="reversed", title=_("reported"))
    figure.update_xaxes(title=_("answered"), tickangle=-35)
    return styled(figure, 430)


def accuracy_by_week(estimated: Sequence[EstimatedWeek], measured: Sequence[WeekOfPerformance]) -> go.Figure:
    """Expected accuracy of each week with its range, and the one that crime codes showed later."""
    figure = go.Figure()
    figure.add_scatter(
        x=[week["week"] for week in estimated],
        y=[week["accuracy"]["expected"] for week in estimated],
        error_y={
            "type": "data",
            "array": [week["accuracy"]["high"] - week["accuracy"]["expected"] for week in estimated],
            "arrayminus": [week["accuracy"]["expected"] - week["accuracy"]["low"] for week in estimated],
            "thickness": 2,
            "width": 7,
        },
        name=_("expected, with 95 % range"),
        mode="markers",
        marker={"color": BLUE, "size": 9},
        hovertemplate="%{x}: %{y:.1%}<extra></extra>",
    )
    figure.add_scatter(
        x=[week["week"] for week in measured],
        y=[week["accuracy"] for week in measured],
        name=_("measured, by later crime codes"),
        mode="markers",
        marker={"color": COLORS[1], "size": 11, "symbol": "square"},
        customdata=[week["reports"] for week in measured],
        hovertemplate="%{x}: %{y:.1%} (%{customdata:,})<extra></extra>",
    )
    figure.update_xaxes(type="category", categoryorder="category ascending", title=_("week from"))
    figure.update_yaxes(range=[0, 1.05], tickformat=".0%")
    return _with_legend(figure, 300)


def _with_legend(figure: go.Figure, height: int) -> go.Figure:
    """With the legend above, where it moves nothing on a phone."""
    legend = {"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0}
    return styled(figure, height).update_layout(showlegend=True, legend=legend, margin={"t": 40, "r": 24})
