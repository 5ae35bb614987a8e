"""One report: its category, how sure, and why. Works from date, time and area up."""

import datetime
from typing import NamedTuple

import streamlit as st
from crime_ui.charts import answers
from crime_ui.charts.shown import CONFIG
from crime_ui.client import cached, predictions
from crime_ui.client.answers import CodeKind, DetailLevel, Explanation, Reason, ReportSystem
from crime_ui.client.reports import SYSTEM_NAMES
from crime_ui.client.transport import Refused

LEVEL_PHRASES: dict[DetailLevel, str] = {
    "place_time": "place and time",
    "premise": "place, time and premise",
    "weapon": "place, time, premise and weapon",
    "report": "the whole report",
}
SHOWN_REASONS = 9
UNKNOWN = "Not known yet: type to search"
NO_WEAPON, NO_MO_CODES, NO_CIRCUMSTANCES = "No weapon", "No MO codes in the report", "None of these"
WHOLE: dict[ReportSystem, str] = {"legacy": "MO codes", "nibrs": "circumstances"}  # what only whole reports have
CIRCUMSTANCES = {  # labels by column
    "Victim Shot": "A victim was shot",
    "Domestic Violence Crime": "Domestic violence",
    "Gang-related Crime": "Related to a gang",
    "Transit-related Crime": "Related to public transport",
}


class NextField(NamedTuple):
    """The field that would sharpen an answer most, and the detail level it leads to."""

    name: str
    level: DetailLevel


NEXT_FIELDS: dict[DetailLevel, NextField] = {
    "place_time": NextField("the premise", "premise"),
    "premise": NextField("the weapon", "weapon"),
    "weapon": NextField("MO codes", "report"),
}


def page() -> None:
    st.title("What kind of report is this?")
    st.caption("Date, time and area are enough to begin with; every further field sharpens the answer.")
    left, right = st.columns([5, 6], gap="large")
    with left:
        report = report_form()
    with right:
        try:
            explanation = predictions.explain(report)
        except Refused as refusal:
            st.error(str(refusal), icon=":material/error:")
            return
        system: ReportSystem = "nibrs" if report.get("System") == "nibrs" else "legacy"
        show_answer(explanation, system)
        for warning in explanation.get("warnings", []):
            st.warning(warning, icon=":material/event_busy:")
        show_next_field(explanation["level"], system)
        show_reasons(explanation)
        st.caption(
            f"Model {explanation['model_name']} version {explanation['model_version']}. "
            "Categories of reports, not guilt."
        )


def codes_by_label(kind: CodeKind) -> dict[str, str]:
    """LAPD's own codes by the label that a form shows, `Street (101)`, the most frequent first."""
    spelling = str if kind in ("area", "mo") else str.capitalize
    codes = [code for code in cached.codes()[kind] if code.get("system", "legacy") == "legacy"]
    return {f"{spelling(code['name'])} ({code['code']})": code["code"] for code in codes}


def nibrs_names(kind: CodeKind) -> list[str]:
    """Names of NIBRS codes that the model met, the most frequent first; of LAPD's own codes if it met none."""
    codes = cached.codes()[kind]
    met = [code for code in codes if code.get("system") == "nibrs"] or codes
    return list(dict.fromkeys(code["name"].capitalize() for code in met))


def report_form() -> dict[str, str | float]:
    """The fields that were filled in, by LAPD's column names."""
    left, right = st.columns(2)
    date = left.date_input("Date it happened", datetime.date.today(), key="date", bind="query-params")
    time = right.time_input("Time", datetime.time(12), key="time", step=900, bind="query-params")
    areas = codes_by_label("area")
    area = st.selectbox("Area", areas, key="area", bind="query-params")
    report: dict[str, str | float] = {"DATE OCC": date.isoformat(), "TIME OCC": f"{time:%H%M}", "AREA": areas[area]}
    system = st.segmented_control(
        "Report system",
        list(SYSTEM_NAMES),
        format_func=lambda system: SYSTEM_NAMES[system],
        default="legacy",
        required=True,
        key="system",
        bind="query-params",
        help="LAPD moved from its own crime codes to NIBRS in 2024",
    )
    fields = legacy_fields() if system == "legacy" else {"System": system, **nibrs_fields()}
    return report | fields | more_fields(date)


def nibrs_fields() -> dict[str, str]:
    """Premise and weapon by name, and circumstances. A field that is left out is not known."""
    premise = st.selectbox(
        "Premise", nibrs_names("premis"), index=None, key="nibrs-premise", bind="query-params", placeholder=UNKNOWN
    )
    weapon = st.selectbox(
        "Weapon",
        [NO_WEAPON, *nibrs_names("weapon")],
        index=None,
        key="nibrs-weapon",
        bind="query-params",
        placeholder=UNKNOWN,
    )
    chosen = st.multiselect(
        "Circumstances",
        [*CIRCUMSTANCES.values(), NO_CIRCUMSTANCES],
        key="circumstances",
        bind="query-params",
        placeholder="Not known yet",
    )
    fields = {}
    if premise:
        fields["Premis Desc"] = premise
    if weapon:
        fields |= {"Weapon Used Cd": ""} if weapon == NO_WEAPON else {"Weapon Desc": weapon}
    if chosen:
        fields |= {column: "Yes" if label in chosen else "No" for column, label in CIRCUMSTANCES.items()}
    return fields


def legacy_fields() -> dict[str, str]:
    """Premise, weapon and MO codes. A field that is left out is not known; an empty one means none was recorded."""
    premises, weapons, mo_codes = codes_by_label("premis"), codes_by_label("weapon"), codes_by_label("mo")
    premise = st.selectbox("Premise", premises, index=None, key="premise", bind="query-params", placeholder=UNKNOWN)
    weapon = st.selectbox(
        "Weapon", [NO_WEAPON, *weapons], index=None, key="weapon", bind="query-params", placeholder=UNKNOWN
    )
    chosen = st.multiselect(
        "MO codes: how it was done", [*mo_codes, NO_MO_CODES], key="mo", bind="query-params", placeholder=UNKNOWN
    )
    fields = {}
    if premise:
        fields["Premis Cd"] = premises[premise]
    if weapon:
        fields["Weapon Used Cd"] = weapons.get(weapon, "")
    if chosen:
        fields["Mocodes"] = " ".join(mo_codes[label] for label in chosen if label != NO_MO_CODES)
    return fields


def more_fields(date: datetime.date) -> dict[str, str | float]:
    """Fields that are seldom known. `date`: the day it happened, before which it can't have been reported."""
    with st.expander("More, if known", icon=":material/add_location_alt:"):
        reported = st.date_input("Date it was reported", None, min_value=date, key="reported", bind="query-params")
        left, middle, right = st.columns(3)
        district = left.number_input("Reporting district", 1, 2199, None, key="district", bind="query-params")
        latitude = middle.number_input("Latitude", 33.3, 34.9, None, format="%.4f", key="lat", bind="query-params")
        longitude = right.number_input("Longitude", -119.0, -117.5, None, format="%.4f", key="lon", bind="query-params")
    fields: dict[str, str | float | None] = {
        "Date Rptd": reported.isoformat() if reported else None,
        "Rpt Dist No": district,
        "LAT": latitude,
        "LON": longitude,
    }
    return {name: value for name, value in fields.items() if value is not None}


def show_answer(explanation: Explanation, system: ReportSystem) -> None:
    known = LEVEL_PHRASES[explanation["level"]]
    if explanation["level"] == "report":
        known += f", {WHOLE[system]} included"
    st.metric(
        "Most likely",
        explanation["label_name"].capitalize(),
        f"{explanation['probability']:.0%} sure, from {known}",
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    figure = answers.probabilities(explanation["probabilities"], explanation["label_name"])
    st.plotly_chart(figure, key="bars", config=CONFIG)
    if explanation["unknown_codes"]:
        st.warning("Not known to LAPD's tables or the model, so not used: " + ", ".join(explanation["unknown_codes"]))


def show_next_field(level: DetailLevel, system: ReportSystem) -> None:
    """How often such answers are right, and which field would make them better."""
    metrics = cached.category_model()["serving"]["metrics"]
    accuracy, best = metrics[level]["accuracy"], metrics["report"]["accuracy"]
    if level not in NEXT_FIELDS:
        st.caption(f"On reports held out of training, answers from whole reports are right {accuracy:.0%} of the time.")
        return
    field = NEXT_FIELDS[level]
    if field.level == "report":
        field = field._replace(name=WHOLE[system])
    st.info(
        f"**What would sharpen this:** {field.name}. On reports held out of training, such answers are right "
        f"{accuracy:.0%} of the time; with {field.name} {metrics[field.level]['accuracy']:.0%}, with the whole report "
        f"{best:.0%}.",
        icon=":material/lightbulb:",
    )


def contribution(reason: Reason, category: str) -> float:
    """How far a reason pushes towards a category: its log-odds less their mean over all categories."""
    log_odds = reason["log_odds"]
    return log_odds[category] - sum(log_odds.values()) / len(log_odds)


def show_reasons(explanation: Explanation) -> None:
    """The fields that were given, those with the largest contribution first."""
    st.subheader("Why")
    category = explanation["label_name"]
    contributions = [
        (reason["text"], contribution(reason, category))
        for reason in explanation["reasons"]
        if reason["value"] is not None
    ]
    contributions.sort(key=lambda item: -abs(item[1]))
    shown = contributions[:SHOWN_REASONS]
    figure = answers.reasons([(text.rsplit(",", 1)[0], push) for text, push in shown])
    st.plotly_chart(figure, key="why", config=CONFIG)
    with st.expander("In words"):
        st.markdown("\n".join(f"- {text}" for text, _ in shown))
        st.caption("Exact tree SHAP of the model that answered, in log-odds against the other categories.")


page()
