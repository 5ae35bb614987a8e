"""The answer for one report: how probable each category is, and what led there from the base rate."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from crime_ui.charts.style import BLUE, GREY, styled
from crime_ui.language import _, percent

ORANGE = "#d97706"  # is told from blue whichever colours one sees
LONGEST_LABEL = 26  # characters of an axis label; more leave no room for bars on a phone


class Step(NamedTuple):
    """A step of a waterfall: a field, its `value` in the report, and its `effect` on the probability."""

    name: str
    value: str
    effect: float


def probabilities(by_category: Mapping[str, float], base_rates: Mapping[str, float], shown: str) -> go.Figure:
    """All categories, the most likely at the top, `shown` in colour; a line marks each base rate."""
    names = sorted(by_category, key=lambda name: by_category[name])
    figure = go.Figure(
        go.Bar(
            x=[by_category[name] for name in names],
            y=names,
            orientation="h",
            marker_color=[BLUE if name == shown else GREY for name in names],
            customdata=[percent(by_category[name], 1) for name in names],
            hovertemplate="%{y}: %{customdata}<extra></extra>",
        )
    )
    figure.add_scatter(
        x=[base_rates[name] for name in names],
        y=names,
        mode="markers",
        marker={"symbol": "line-ns", "size": 18, "line": {"width": 3, "color": ORANGE}},
        customdata=[percent(base_rates[name], 1) for name in names],
        hovertemplate=_("Base rate of {category}: {share}").format(category="%{y}", share="%{customdata}")
        + "<extra></extra>",
    )
    figure.add_scatter(
        x=[max(by_category[name], base_rates[name]) + 0.02 for name in names],
        y=names,
        mode="text",
        text=[percent(by_category[name], 1) for name in names],
        textposition="middle right",
        hoverinfo="skip",
    )
    figure.update_xaxes(range=[0, 1.2], visible=False)
    return styled(figure, 270)


def waterfall(base_rate: float, steps: Sequence[Step], probability: float) -> go.Figure:
    """A waterfall chart: the base rate at the top, a bar for each step, and the probability at the bottom."""
    texts = [percent(base_rate), *(points(step.effect) for step in steps), percent(probability)]
    labels = [_("Base rate"), *(_shortened(f"{step.name}: {step.value}") for step in steps), _("This report")]
    figure = go.Figure(
        go.Waterfall(
            orientation="h",
            measure=["absolute", *["relative"] * len(steps), "total"],
            x=[base_rate, *(step.effect for step in steps), probability],
            y=list(range(len(labels))),  # labels may be equal
            text=texts,
            textposition="outside",
            customdata=[_("Base rate"), *(f"{step.name}: {step.value}" for step in steps), _("This report")],
            hovertemplate="%{customdata}: %{text}<extra></extra>",
            cliponaxis=False,
            increasing={"marker": {"color": BLUE}},
            decreasing={"marker": {"color": ORANGE}},
            totals={"marker": {"color": GREY}},
            connector={"line": {"color": GREY, "width": 1}},
        )
    )
    reached = [base_rate]
    for step in steps:
        reached.append(reached[-1] + step.effect)
    figure.update_xaxes(range=[min(0.0, *reached) - 0.08, max(*reached, probability) + 0.16], visible=False)
    figure.update_yaxes(autorange="reversed", tickvals=list(range(len(labels))), ticktext=labels)
    return styled(figure, 60 + 32 * len(labels))


def points(effect: float) -> str:
    """A change of a probability in percentage points, with its sign: +12."""
    rounded = round(100 * effect)
    return f"+{rounded}" if rounded > 0 else f"−{-rounded}" if rounded < 0 else "±0"


def _shortened(label: str) -> str:
    return label if len(label) < LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"
