"""A whole table of reports."""

import io

import pandas as pd
import streamlit as st
from crime_ui import backend, charts

SHOWN = 500

st.title("A table of reports")
st.caption(
    "A CSV file as LAPD's portal gives it (gzip and zip too). Every row comes back, with the answer's columns behind "
    "its own; a row that can't be read says why. Only DATE OCC, TIME OCC and AREA are needed."
)
file = st.file_uploader("CSV file", type=["csv", "gz", "zip", "txt"], key="table")
if file is None:
    st.stop()

if st.session_state.get("scored_file") != file.file_id:
    try:
        with st.spinner("Scoring"):
            st.session_state.scored = backend.score_table(file, file.name)
        st.session_state.scored_file = file.file_id
    except backend.WrongInput as wrong:
        st.error(str(wrong), icon=":material/error:")
        st.stop()
scored: bytes = st.session_state.scored
table = pd.read_csv(io.BytesIO(scored), dtype=str, keep_default_na=False)
rejected = table[table["error"] != ""]
accepted = table[table["error"] == ""]

one, two, three = st.columns(3)
one.metric("Rows", f"{len(table):,}", border=True)
two.metric("Scored", f"{len(accepted):,}", border=True)
three.metric("Could not be read", f"{len(rejected):,}", border=True)
st.download_button(
    "Download the result",
    scored,
    f"{file.name.split('.')[0]}-predictions.csv",
    "text/csv",
    icon=":material/download:",
    type="primary",
    on_click="ignore",
)
if len(rejected):
    st.subheader("Could not be read")
    reasons = rejected["error"].value_counts().rename_axis("reason").reset_index(name="rows")
    st.dataframe(reasons, hide_index=True)
    st.dataframe(rejected.iloc[:SHOWN][["error", *[c for c in table.columns if c != "error"]]], hide_index=True)
if len(accepted):
    st.subheader("Scored")
    counts = accepted["label_name"].value_counts()
    st.plotly_chart(
        charts.bars({str(k): int(v) for k, v in counts.items()}, horizontal=True), config={"displayModeBar": False}
    )
    front = ["label_name", "probability", "level"]
    st.dataframe(accepted.iloc[:SHOWN][[*front, *[c for c in table.columns if c not in front]]], hide_index=True)
    if len(accepted) > SHOWN:
        st.caption(f"The first {SHOWN} rows; the download has all {len(table):,}.")
