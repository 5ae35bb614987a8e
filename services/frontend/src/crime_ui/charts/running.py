"""How the service runs: traffic, latency, and how live reports differ from those of the training."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import plotly.graph_objects as go

from crime_ui.charts.scores import COLORS
from crime_ui.charts.style import BLUE, GREY, RED, styled
from crime_ui.client.answers_models import DriftPeriod, ValueShares
from crime_ui.language import _

MOST_CODES = 10  # premises or weapons that are drawn, the most frequent
ABOVE = {"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0}


def traffic(times: Sequence[datetime], answered: Sequence[int], failed: Sequence[int]) -> go.Figure:
    """Requests by minute: those answered, and those that failed on top."""
    figure = go.Figure()
    for name, counts, color in ((_("answered"), answered, BLUE), (_("failed"), failed, RED)):
        figure.add_bar(
            x=list(times),
            y=list(counts),
            name=name,
            marker_color=color,
            hovertemplate="%{x|%H:%M} %{fullData.name}: %{y:,}<extra></extra>",
        )
    figure.update_xaxes(type="date", tickformat="%H:%M", **_at_least_minutes(times))
    figure.update_yaxes(title=_("requests a minute"), rangemode="tozero")
    return _with_legend(figure).update_layout(barmode="stack", bargap=0.05)


def latency(times: Sequence[datetime], milliseconds: Mapping[str, Sequence[float | None]]) -> go.Figure:
    """Milliseconds by minute, a line for each name; minutes without requests are left out."""
    figure = go.Figure()
    for index, (name, values) in enumerate(milliseconds.items()):
        figure.add_scatter(
            x=list(times),
            y=list(values),
            name=name,
            mode="lines+markers",
            line={"color": COLORS[index], "shape": "hv"},
            marker={"size": 4},
            hovertemplate="%{x|%H:%M} %{fullData.name}: %{y:,g} ms<extra></extra>",
        )
    figure.update_xaxes(type="date", tickformat="%H:%M", **_at_least_minutes(times))
    figure.update_yaxes(title="ms", type="log", dtick=1)
    return _with_legend(figure)


def _at_least_minutes(times: Sequence[datetime]) -> dict[str, int]:
    """Ticks no closer than a minute where there are few minutes."""
    return {"dtick": 60_000} if len(times) < 8 else {}


def shares_by_value(values: Sequence[ValueShares]) -> go.Figure:
    """Bars of the shares in training and live: of all numbers in order, or of the most frequent codes."""
    shown = in_order(values)
    figure = go.Figure()
    for name, key, color in ((_("in training"), "reference", GREY), (_("live"), "live", BLUE)):
        figure.add_bar(
            x=[value[key] for value in shown],  # type: ignore[literal-required]
            y=[_shortened(value["name"]) for value in shown],
            name=name,
            orientation="h",
            marker_color=color,
            customdata=[value["name"] for value in shown],
            hovertemplate="%{customdata}, %{fullData.name}: %{x:.1%}<extra></extra>",
        )
    figure.update_xaxes(tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", type="category")
    return _with_legend(figure, 90 + 24 * len(shown)).update_layout(barmode="group", bargap=0.25)


def in_order(values: Sequence[ValueShares]) -> list[ValueShares]:
    """Numbers in their order, all others last; of codes the most frequent ones first."""
    if all(value["value"].lstrip("-").isdigit() for value in values):
        return sorted(values, key=lambda value: (value["value"] == "-1", int(value["value"])))
    return sorted(values, key=lambda value: -max(value["reference"], value["live"]))[:MOST_CODES]


def drift_history(history: Sequence[DriftPeriod], names: Mapping[str, str], threshold: float) -> go.Figure:
    """How far each feature is from its training, period by period; the dashed line is the threshold of drift.

    `names`: what is shown of each feature.
    """
    figure = go.Figure()
    periods = [str(number) for number in range(1, len(history) + 1)]  # of as many predictions, however long they took
    for index, feature in enumerate(sorted({feature for period in history for feature in period["psi"]})):
        name = names.get(feature, feature)
        figure.add_scatter(
            x=periods,
            y=[period["psi"].get(feature) for period in history],
            name=name,
            mode="lines+markers",
            line={"color": COLORS[index % 6], "dash": ("solid", "dash", "dot")[index // 6 % 3]},
            customdata=[period["until"][:16].replace("T", " ") for period in history],
            hovertemplate="%{fullData.name}: %{y:.3f} (%{customdata} UTC)<extra></extra>",
        )
    figure.add_hline(threshold, line_dash="dash", line_color=RED)
    figure.update_xaxes(type="category", title=_("period, the latest at the right"))
    figure.update_yaxes(title=_("change (PSI)"), rangemode="tozero")
    return styled(figure, 340).update_layout(showlegend=True, legend={"orientation": "h", "y": -0.25})


def _shortened(name: str) -> str:
    return name if len(name) < 26 else name[:24] + "…"


def _with_legend(figure: go.Figure, height: int = 260) -> go.Figure:
    return styled(figure, height).update_layout(showlegend=True, legend=ABOVE, margin={"t": 36})
