"""How good a model is, and whether reports are still like those it was trained on."""

from collections.abc import Sequence

import plotly.graph_objects as go

from crime_ui.charts.style import BLUE, GREY, RED, SCALE, styled
from crime_ui.client.answers import CalibrationBin, DriftPeriod


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
    return styled(figure, 470)


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
    return styled(figure, 470)


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
    figure = styled(figure, 320)
    return figure.update_layout(showlegend=True, legend={"orientation": "h", "y": -0.2})
