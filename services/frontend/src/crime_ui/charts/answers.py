"""The answer for one report."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from crime_ui.charts.style import BLUE, GREY, RED, styled

LONGEST_LABEL = 46  # characters of an axis label


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
    return styled(figure, 270)


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
    return styled(figure, 70 + 30 * len(upwards))


def _shortened(label: str) -> str:
    return label if len(label) < LONGEST_LABEL else label[: LONGEST_LABEL - 2] + "…"
