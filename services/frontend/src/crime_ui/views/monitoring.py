"""What comes in, what answers, and whether both are still what the model was trained for."""

import pandas as pd
import streamlit as st
from crime_ui import backend, charts

THRESHOLD = 0.1  # PSI from which the backend calls it drift, if chance does not explain it

st.title("Monitoring")


@st.fragment(run_every=5)
def live() -> None:
    st.subheader("Pods")
    pods = backend.pods()
    versions = sorted({pod["serving"].get("crime-category", "none") for pod in pods})
    count = f"{len(pods)} pods answer" if len(pods) > 1 else "One pod answers"
    st.caption(f"{count}, with version{'s' if len(versions) > 1 else ''} {' and '.join(versions)}.")
    st.dataframe(
        pd.DataFrame(
            {
                "Pod": pod["pod"],
                "Up since": pd.Timestamp(pod["started"], unit="s", tz="UTC"),
                "Category model": pod["serving"].get("crime-category"),
                "Forecast": pod["serving"].get("crime-risk"),
                "Requests": pod["requests"],
                "Half within, ms": _ms(pod["seconds"]["0.5"]),
                "95 % within, ms": _ms(pod["seconds"]["0.95"]),
                "Trouble": "; ".join(pod["trouble"].values()),
            }
            for pod in pods
        ),
        hide_index=True,
    )
    st.subheader("Drift")
    try:
        found = backend.drift()
    except backend.WrongInput as wrong:
        st.info(str(wrong))
        return
    if not found["features"]:
        st.info(f"{found['reports']:,} predictions recorded: too few to say anything. From 200 on it is compared.")
        return
    what = f"the latest {found['reports']:,} predictions and the data of version {found['model_version']}"
    drifted = [each["feature"] for each in found["features"] if each["drifted"]]
    if drifted:
        st.warning(f"Drift between {what}: **{', '.join(drifted)}**.", icon=":material/warning:")
    else:
        st.success(f"No drift between {what}.", icon=":material/check:")
    table = pd.DataFrame(found["features"])[["feature", "reports", "psi", "js", "p", "drifted"]]
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "psi": st.column_config.NumberColumn("PSI", format="%.3f"),
            "js": st.column_config.NumberColumn("JS distance", format="%.3f"),
            "p": st.column_config.NumberColumn("p", format="%.1e"),
        },
    )
    if len(found["history"]) > 1:
        st.plotly_chart(charts.drift(found["history"], THRESHOLD), key="drift", config={"displayModeBar": False})

    if found["performance"]:
        st.subheader("Performance, once the crime code was known")
        weeks = pd.DataFrame(found["performance"])
        weeks.columns = ["Week of", "Version", "Reports", "Accuracy", "Log loss", "ECE"]
        st.dataframe(weeks.iloc[::-1], hide_index=True)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


live()
