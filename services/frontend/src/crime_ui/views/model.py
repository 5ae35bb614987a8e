"""The model that answers: how good it is on reports it never saw."""

import pandas as pd
import streamlit as st
from crime_ui import backend, charts

LEVELS = {
    "place_time": "Place and time",
    "premise": "+ premise",
    "weapon": "+ weapon",
    "report": "+ MO codes",
}
PLAIN = {"displayModeBar": False}

found = backend.model()
serving = found["serving"]
data = serving["data"]
st.title("The model")
one, two, three, four = st.columns(4)
one.metric(found["name"], f"version {serving['version']}", border=True)
two.metric("Accuracy, whole reports", f"{serving['metrics']['report']['accuracy']:.1%}", border=True)
three.metric("Accuracy, place and time", f"{serving['metrics']['place_time']['accuracy']:.1%}", border=True)
four.metric("Calibration error", f"{serving['metrics']['overall']['ece']:.1%}", border=True)

st.subheader("On reports nobody trained on")
st.caption(
    f"{data['held_out']:,} reports from {data['held_out_from']} on, the last fifth by time; trained on the "
    f"{data['trained_on']:,} before. The less is known of a report, the less sure the answer, and it says so."
)
rows = [
    {
        "Known": name,
        "Accuracy": serving["metrics"][level]["accuracy"],
        "Weighted F1": serving["metrics"][level]["weighted_f1"],
        "Macro AUC": serving["metrics"][level]["macro_auc"],
        "Log loss": serving["metrics"][level]["log_loss"],
        "Calibration error": serving["metrics"][level]["ece"],
    }
    for level, name in LEVELS.items()
]
st.dataframe(
    pd.DataFrame(rows),
    hide_index=True,
    column_config={name: st.column_config.NumberColumn(format="%.3f") for name in list(rows[0])[1:]},
)

level = st.segmented_control(
    "Known of the report",
    list(LEVELS),
    format_func=lambda level: LEVELS[level],
    default="report",
    required=True,
    key="level",
    bind="query-params",
)
left, right = st.columns(2, gap="large")
with left:
    st.subheader("Confusion")
    names = list(serving["categories"].values())
    st.plotly_chart(charts.confusion(serving["confusion"][level], names), key="confusion", config=PLAIN)
with right:
    st.subheader("Calibration")
    st.plotly_chart(charts.calibration(serving["calibration"][level]), key="calibration", config=PLAIN)

st.subheader("What it looks at")
ranked = sorted(backend.features(), key=lambda feature: -feature["share_of_gain"])
features = pd.DataFrame(ranked)[["name", "about", "source", "use", "share_of_gain"]]
st.dataframe(
    features,
    hide_index=True,
    height=320,
    column_config={"share_of_gain": st.column_config.ProgressColumn("share of gain", format="percent", max_value=0.5)},
)
st.caption(
    "Victim attributes, status and anything that follows from the crime code are not used. "
    f"Rows read {data['rows']:,}, rejected {sum(data['rejected'].values()):,}; fingerprint {data['fingerprint'][:12]}."
)
