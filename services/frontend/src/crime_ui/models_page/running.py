"""How the service runs: pods, traffic and latency, and the accuracy of each week."""

import datetime
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from crime_ui.charts import running, scores
from crime_ui.charts.shown import show
from crime_ui.client import cached
from crime_ui.client.answers_models import Drift, Pod, TrafficMinute
from crime_ui.client.transport import Refused
from crime_ui.language import _
from crime_ui.literal import literal, refusal_text
from crime_ui.models_page.plain import model_names, pods_text


@st.fragment(run_every=60)
def show_running() -> None:
    pods = cached.pods()
    st.subheader(_("Accuracy by week"))
    try:
        show_weeks(cached.drift())
    except Refused as refusal:
        st.info(refusal_text(refusal))
    st.subheader(_("Traffic and latency of the last three hours"))
    show_traffic(pods)
    st.subheader(_("Pods"))
    show_pods(pods)


def show_weeks(drift: Drift) -> None:
    """Expected accuracy of live answers, beside the one that crime codes showed later."""
    estimated = drift.get("estimated", [])
    measured = drift["performance"]
    if not estimated and not measured:
        st.info(_("No answer to a live report is recorded yet. Tables that are uploaded on this page are not counted."))
        return
    st.caption(
        _(
            "Expected: the mean probability of the answers, which needs no crime code. It follows when other reports "
            "come or less is known of them. When a report comes to mean another category, only measured accuracy shows "
            "it: `crime drift --data` with a later table."
        )
    )
    weeks = [(week["week"], week["version"]) for week in estimated]
    expected = {(week["week"], week["version"]): week for week in estimated}
    known = {(week["week"], week["version"]): week for week in measured}
    rows = sorted({*weeks, *known})
    figures = [expected[row]["accuracy"] if row in expected else None for row in rows]
    table: dict[str, Sequence[Any]] = {
        _("Week from"): [week for week, _version in rows],
        _("Version"): [version for _week, version in rows],
        _("Live answers"): [expected[row]["reports"] if row in expected else None for row in rows],
        _("Expected accuracy"): [figure and figure["expected"] for figure in figures],
        _("at least"): [figure and figure["low"] for figure in figures],
        _("at most"): [figure and figure["high"] for figure in figures],
        _("With crime codes"): [known[row]["reports"] if row in known else None for row in rows],
        _("Measured accuracy"): [known[row]["accuracy"] if row in known else None for row in rows],
        _("Measured log loss"): [known[row]["log_loss"] if row in known else None for row in rows],
    }
    show(scores.accuracy_by_week(estimated, measured), "weeks", _("Accuracy by week"), table)


def show_traffic(pods: list[Pod]) -> None:
    """Requests by minute of all pods together, and the latency of the slowest."""
    minutes: dict[datetime.datetime, list[TrafficMinute]] = {}
    for pod in pods:
        for minute in pod.get("minutes", []):
            at = datetime.datetime.fromtimestamp(minute["until"], datetime.UTC)
            minutes.setdefault(at.replace(second=0, microsecond=0, tzinfo=None), []).append(minute)
    if not minutes:
        st.info(_("Pods count traffic by the minute; the first minute has not passed yet."))
        return
    times = sorted(minutes)
    failed = [sum(minute["failed"] for minute in minutes[at]) for at in times]
    answered = [sum(minute["requests"] - minute["failed"] for minute in minutes[at]) for at in times]
    names = {"0.5": _("half within"), "0.95": _("95 % within")}
    milliseconds = {
        name: [_slowest([minute["seconds"][quantile] for minute in minutes[at]]) for at in times]
        for quantile, name in names.items()
    }
    at_minute = {_("Minute (UTC)"): [f"{at:%Y-%m-%d %H:%M}" for at in times]}
    left, right = st.columns(2, gap="large")
    with left:
        counts: dict[str, Sequence[Any]] = {_("Answered"): answered, _("Failed"): failed}
        figure = running.traffic(times, answered, failed)
        show(figure, "traffic", _("Predictions and explanations by minute"), {**at_minute, **counts})
    with right:
        columns: dict[str, Sequence[Any]] = {f"{name}, ms": values for name, values in milliseconds.items()}
        figure = running.latency(times, milliseconds)
        show(figure, "latency", _("Latency by minute, of the slowest pod"), {**at_minute, **columns})


def _slowest(seconds: list[float | None]) -> float | None:
    """In milliseconds; None where no pod had a request."""
    return max((1000 * value for value in seconds if value is not None), default=None)


def show_pods(pods: list[Pod]) -> None:
    st.caption(f"{literal(pods_text(pods))}.")
    st.dataframe(
        pd.DataFrame(
            {
                _("Pod"): pod["pod"],
                _("Up since (UTC)"): pd.Timestamp(pod["started"], unit="s").floor("s"),
                **{name: pod["serving"].get(model) for model, name in model_names().items()},
                _("Requests"): pod["requests"],
                _("Half within, ms"): _slowest([pod["seconds"]["0.5"]]),
                _("95 % within, ms"): _slowest([pod["seconds"]["0.95"]]),
                _("Trouble"): "; ".join(pod["trouble"].values()),
            }
            for pod in pods
        ),
        hide_index=True,
    )
