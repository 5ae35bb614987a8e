"""The model that answers: how good it is on held-out reports, and what it looks at."""

import pandas as pd
import streamlit as st
from crime_ui.charts import quality
from crime_ui.charts.shown import CONFIG
from crime_ui.client import cached
from crime_ui.client.answers import DetailLevel, Scores, ServingModel, TrainingData
from crime_ui.client.reports import SYSTEM_NAMES

LEVEL_LABELS: dict[DetailLevel, str] = {
    "place_time": "Place and time",
    "premise": "+ premise",
    "weapon": "+ weapon",
    "report": "+ MO codes, circumstances",
}


def page() -> None:
    model = cached.category_model()
    serving = model["serving"]
    metrics, data = serving["metrics"], serving["data"]
    st.title("The model")
    columns = st.columns(4)
    columns[0].metric(model["name"], f"version {serving['version']}", border=True)
    columns[1].metric("Accuracy, whole reports", f"{metrics['report']['accuracy']:.1%}", border=True)
    columns[2].metric("Accuracy, place and time", f"{metrics['place_time']['accuracy']:.1%}", border=True)
    columns[3].metric("Calibration error", f"{metrics['overall']['ece']:.1%}", border=True)

    st.subheader("On reports held out of training")
    st.caption(
        f"{data['held_out']:,} reports from {data['held_out_from']} on, the last fifth by time, answered by a "
        f"model trained only on those before. The model that answers was trained on {data['trained_on']:,}. The less "
        "is known of a report, the less sure the answer, and it says so."
    )
    show_scores(serving["metrics"])
    for system, metrics in serving.get("by_system", {}).items():
        st.markdown(f"**Of these, {SYSTEM_NAMES[system]}**")
        show_scores(metrics)
    show_level(serving)
    show_features(data)


def show_scores(scores: dict[str, Scores]) -> None:
    """Scores by how much of a report is known."""
    table = pd.DataFrame(
        {
            "Known": name,
            "Accuracy": scores[level]["accuracy"],
            "Weighted F1": scores[level]["weighted_f1"],
            "Macro AUC": scores[level]["macro_auc"],
            "Log loss": scores[level]["log_loss"],
            "Calibration error": scores[level]["ece"],
        }
        for level, name in LEVEL_LABELS.items()
    )
    numbers = {name: st.column_config.NumberColumn(format="%.3f") for name in table.columns[1:]}
    st.dataframe(table, hide_index=True, column_config=numbers)


def show_level(serving: ServingModel) -> None:
    """The confusion matrix and the calibration of one detail level."""
    level = st.segmented_control(
        "Known of the report",
        list(LEVEL_LABELS),
        format_func=lambda level: LEVEL_LABELS[level],
        default="report",
        required=True,
        key="level",
        bind="query-params",
    )
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Confusion")
        names = list(serving["categories"].values())
        figure = quality.confusion(serving["confusion"][level], names)
        st.plotly_chart(figure, key="confusion", config=CONFIG)
    with right:
        st.subheader("Calibration")
        figure = quality.calibration(serving["calibration"][level])
        st.plotly_chart(figure, key="calibration", config=CONFIG)


def show_features(data: TrainingData) -> None:
    st.subheader("What it looks at")
    ranked = sorted(cached.report_features(), key=lambda feature: -feature["share_of_gain"])
    st.dataframe(
        pd.DataFrame(ranked)[["name", "about", "source", "use", "share_of_gain"]],
        hide_index=True,
        height=320,
        column_config={
            "share_of_gain": st.column_config.ProgressColumn("share of gain", format="percent", max_value=0.5)
        },
    )
    st.caption(
        "Victim attributes, status and anything that follows from the crime code are not used. "
        f"Rows read {data['rows']:,}, rejected {sum(data['rejected'].values()):,}; "
        f"fingerprint {data['fingerprint'][:12]}."
    )


page()
