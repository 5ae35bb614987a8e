"""One report: its category, how sure, and why. Works from date, time and area up."""

import datetime
from typing import Any

import streamlit as st
from crime_ui import backend, charts

LEVELS = {
    "place_time": "place and time",
    "premise": "place, time and premise",
    "weapon": "place, time, premise and weapon",
    "report": "the whole report, MO codes included",
}
NEXT = {"place_time": ("the premise", "premise"), "premise": ("the weapon", "weapon"), "weapon": ("MO codes", "report")}
SHOWN_REASONS = 9


def named(kind: str) -> dict[str, str]:
    """Codes of a kind by the words a form shows, the most frequent first."""
    words = str if kind in ("area", "mo") else str.capitalize
    return {f"{words(code['name'])} ({code['code']})": code["code"] for code in backend.codes()[kind]}


def form() -> dict[str, Any]:
    """The report as far as it was filled in, with LAPD's column names."""
    areas, premises, weapons, mo = (named(kind) for kind in ("area", "premis", "weapon", "mo"))
    report: dict[str, Any] = {}
    left, right = st.columns(2)
    date = left.date_input("Date it happened", datetime.date.today(), key="date", bind="query-params")
    time = right.time_input("Time", datetime.time(12), key="time", step=900, bind="query-params")
    area = st.selectbox("Area", areas, key="area", bind="query-params")
    report |= {"DATE OCC": date.isoformat(), "TIME OCC": f"{time:%H%M}", "AREA": areas[area]}

    none_weapon, none_mo = "No weapon", "No MO codes in the report"
    premise = st.selectbox(
        "Premise", premises, index=None, key="premise", bind="query-params", placeholder="Not known yet: type to search"
    )
    weapon = st.selectbox(
        "Weapon",
        [none_weapon, *weapons],
        index=None,
        key="weapon",
        bind="query-params",
        placeholder="Not known yet: type to search",
    )
    chosen = st.multiselect(
        "MO codes: how it was done",
        [*mo, none_mo],
        key="mo",
        bind="query-params",
        placeholder="Not known yet: type to search",
    )
    if premise:
        report["Premis Cd"] = premises[premise]
    if weapon:
        report["Weapon Used Cd"] = weapons.get(weapon, "")
    if chosen:
        report["Mocodes"] = " ".join(mo[name] for name in chosen if name != none_mo)
    with st.expander("More, if known", icon=":material/add_location_alt:"):
        reported = st.date_input("Date it was reported", None, min_value=date, key="reported", bind="query-params")
        left, middle, right = st.columns(3)
        district = left.number_input("Reporting district", 1, 2199, None, key="district", bind="query-params")
        latitude = middle.number_input("Latitude", 33.3, 34.9, None, format="%.4f", key="lat", bind="query-params")
        longitude = right.number_input("Longitude", -119.0, -117.5, None, format="%.4f", key="lon", bind="query-params")
    if reported:
        report["Date Rptd"] = reported.isoformat()
    report |= {
        name: value
        for name, value in (("Rpt Dist No", district), ("LAT", latitude), ("LON", longitude))
        if value is not None
    }
    return report


def answer(found: dict[str, Any]) -> None:
    st.metric(
        "Most likely",
        found["label_name"].capitalize(),
        f"{found['probability']:.0%} sure, from {LEVELS[found['level']]}",
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    st.plotly_chart(
        charts.probabilities(found["probabilities"], found["label_name"]), key="bars", config={"displayModeBar": False}
    )
    if found["unknown_codes"]:
        st.warning("Not in LAPD's tables, so not used: " + ", ".join(found["unknown_codes"]))


def why(found: dict[str, Any]) -> None:
    st.subheader("Why")
    label = found["label_name"]

    def push(reason: dict[str, Any]) -> float:
        return reason["log_odds"][label] - sum(reason["log_odds"].values()) / len(reason["log_odds"])

    given = [reason for reason in found["reasons"] if reason["value"] is not None]
    shown = sorted(given, key=lambda reason: -abs(push(reason)))[:SHOWN_REASONS]
    figure = charts.reasons([(reason["text"].rsplit(",", 1)[0], push(reason)) for reason in shown])
    st.plotly_chart(figure, key="why", config={"displayModeBar": False})
    with st.expander("In words"):
        st.markdown("\n".join(f"- {reason['text']}" for reason in shown))
        st.caption("Exact tree SHAP of the model that answered, in log-odds against the other categories.")


def sharpen(found: dict[str, Any]) -> None:
    levels = backend.model()["serving"]["metrics"]
    now = levels[found["level"]]["accuracy"]
    if found["level"] in NEXT:
        what, level = NEXT[found["level"]]
        better = levels[level]["accuracy"]
        whole = levels["report"]["accuracy"]
        st.info(
            f"**What would sharpen this:** {what}. On reports nobody trained on, such answers are right "
            f"{now:.0%} of the time; with {what} {better:.0%}, with the whole report {whole:.0%}.",
            icon=":material/lightbulb:",
        )
    else:
        st.caption(f"On reports nobody trained on, answers from whole reports are right {now:.0%} of the time.")


st.title("What kind of report is this?")
st.caption("Date, time and area are enough to begin with; every further field sharpens the answer.")
left, right = st.columns([5, 6], gap="large")
with left:
    report = form()
with right:
    try:
        explained = backend.explain(report)
    except backend.WrongInput as wrong:
        st.error(str(wrong), icon=":material/error:")
        st.stop()
    answer(explained)
    sharpen(explained)
    why(explained)
    st.caption(
        f"Model {explained['model_name']} version {explained['model_version']}. Categories of reports, not guilt."
    )
