"""The backend's pods, and whether incoming reports are still like those that the model was trained on."""

import pandas as pd
import streamlit as st
from crime_ui.charts import quality
from crime_ui.charts.shown import CONFIG
from crime_ui.client import cached
from crime_ui.client.answers import Drift, Pod, WeekOfPerformance
from crime_ui.client.models import CATEGORY_MODEL, FORECAST_MODEL
from crime_ui.client.transport import Refused

DRIFT_PSI = 0.1  # the backend's threshold: a PSI from here on is drift, unless chance explains it
MIN_REPORTS = 200  # the backend's minimum: fewer recorded predictions are not compared


def page() -> None:
    st.title("Monitoring")
    live()


@st.fragment(run_every=5)
def live() -> None:
    st.subheader("Pods")
    show_pods(cached.pods())
    st.subheader("Drift")
    try:
        drift = cached.drift()
    except Refused as refusal:
        st.info(str(refusal))
        return
    if not drift["features"]:
        st.info(
            f"{drift['reports']:,} predictions recorded: too few to compare. Drift is measured from {MIN_REPORTS} on."
        )
        return
    show_drift(drift)
    if drift["performance"]:
        st.subheader("Performance, once the crime code was known")
        st.dataframe(performance_table(drift["performance"]), hide_index=True)


def show_pods(pods: list[Pod]) -> None:
    versions = sorted({pod["serving"].get(CATEGORY_MODEL, "none") for pod in pods})
    count = f"{len(pods)} pods answer" if len(pods) != 1 else "One pod answers"
    st.caption(f"{count}, with version{'s' if len(versions) > 1 else ''} {' and '.join(versions)}.")
    st.dataframe(
        pd.DataFrame(
            {
                "Pod": pod["pod"],
                "Up since (UTC)": pd.Timestamp(pod["started"], unit="s").floor("s"),
                "Category model": pod["serving"].get(CATEGORY_MODEL),
                "Forecast": pod["serving"].get(FORECAST_MODEL),
                "Requests": pod["requests"],
                "Half within, ms": _milliseconds(pod["seconds"]["0.5"]),
                "95 % within, ms": _milliseconds(pod["seconds"]["0.95"]),
                "Trouble": "; ".join(pod["trouble"].values()),
            }
            for pod in pods
        ),
        hide_index=True,
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def show_drift(drift: Drift) -> None:
    compared = f"the latest {drift['reports']:,} predictions and the data of version {drift['model_version']}"
    drifted = [feature["feature"] for feature in drift["features"] if feature["drifted"]]
    if drifted:
        st.warning(f"Drift between {compared}: **{', '.join(drifted)}**.", icon=":material/warning:")
    else:
        st.success(f"No drift between {compared}.", icon=":material/check:")
    st.dataframe(
        pd.DataFrame(drift["features"])[["feature", "reports", "psi", "js", "p", "drifted"]],
        hide_index=True,
        column_config={
            "psi": st.column_config.NumberColumn("PSI", format="%.3f"),
            "js": st.column_config.NumberColumn("JS distance", format="%.3f"),
            "p": st.column_config.NumberColumn("p", format="%.1e"),
        },
    )
    if len(drift["history"]) > 1:
        st.plotly_chart(quality.drift_history(drift["history"], DRIFT_PSI), key="drift", config=CONFIG)


def performance_table(weeks: list[WeekOfPerformance]) -> pd.DataFrame:
    """The newest week first."""
    return pd.DataFrame(
        {
            "Week of": week["week"],
            "Version": week["version"],
            "Reports": week["reports"],
            "Accuracy": week["accuracy"],
            "Log loss": week["log_loss"],
            "ECE": week["ece"],
        }
        for week in reversed(weeks)
    )


page()
