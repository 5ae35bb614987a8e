"""Expected reports with their ranges, beside those that are known."""

from collections.abc import Sequence

import plotly.graph_objects as go

from crime_ui.charts.style import BLUE, GREY, RED, date_axis, styled
from crime_ui.client.answers import DayCount, ForecastDay, Week
from crime_ui.language import _, number


def forecast_fan(known: Sequence[DayCount], days: Sequence[ForecastDay], known_label: str) -> go.Figure:
    """Expected reports by day with their 95 % and 80 % bands, and the reports that are known, as `known_label` says."""
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
        hovertemplate="%{x}: %{y:.1f} " + _("expected") + "<extra></extra>",
    )
    figure.add_scatter(
        x=[day["date"] for day in known],
        y=[day["reports"] for day in known],
        mode="lines+markers",
        line={"color": GREY, "width": 1},
        marker={"size": 5},
        hovertemplate="%{x}: %{y:,} " + known_label + "<extra></extra>",
    )
    figure.update_yaxes(title=_("reports a day"), rangemode="tozero")
    return styled(date_axis(figure), 320)


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
        customdata=["" if low is None else _range_text(low, high or 0) for low, high in ranges],
        hovertemplate=_("week to") + " %{x}: %{y:,} " + _("reports") + "%{customdata}<extra></extra>",
    )
    figure.update_yaxes(title=_("reports a week"), rangemode="tozero")
    return styled(date_axis(figure), 320)


def _range_text(low: float, high: float) -> str:
    return _(" ({low} to {high} expected)").format(low=number(low), high=number(high))
