"""One report: its category, how sure, why, and what would sharpen the answer. Nothing has to be known of it."""

import streamlit as st
from crime_ui import address
from crime_ui.charts import answers
from crime_ui.charts.answers import Step
from crime_ui.charts.shown import show
from crime_ui.client import cached, predictions
from crime_ui.client.answers import ReportSystem
from crime_ui.client.answers_report import Explanation, NextField, Reason
from crime_ui.client.transport import Refused
from crime_ui.language import _, ngettext, number, percent
from crime_ui.literal import literal, refusal_text
from crime_ui.names import category_names
from crime_ui.report_form import report_form, report_system

MOST_STEPS = 8  # of the way from the base rate; further ones are one step
MOST_NEXT_FIELDS = 3
LITTLE_BITS = 0.05  # an expected gain below which a field tells next to nothing
# on a phone the answer stays in sight while the form below it is filled in
STICKY = """<style>
@media (max-width: 640px) {
  [data-testid="stLayoutWrapper"]:has(> .st-key-answer) {
    position: sticky; top: 3.6rem; z-index: 50; padding: 0.4rem 0; background: light-dark(LIGHT, DARK);
  }
  .st-key-answer [data-testid="stMetricDelta"], .st-key-answer [data-testid="stMetricDelta"] * {white-space: normal}
}
</style>"""


def page() -> None:
    light, dark = (st.get_option(f"theme.{kind}.backgroundColor") or "Canvas" for kind in ("light", "dark"))
    st.html(STICKY.replace("LIGHT", light).replace("DARK", dark))
    st.title(_("What kind of report is this?"))
    answer = st.container(key="answer", gap="small")
    notices = st.container()
    left, right = st.columns([5, 6], gap="large")
    with left:
        report = report_form()
    try:
        explanation = predictions.explain(report)
    except Refused as refusal:
        notices.error(refusal_text(refusal), icon=":material/error:")
        return
    known = known_names(explanation)
    with answer:
        show_answer(explanation, known)
    with notices:
        show_notices(explanation)
    with right:
        show_trust(explanation, bool(known))
        show_categories(explanation, report_system(report))
        show_reasons(explanation)
        st.caption(
            _("Model {name} version {version}. Categories of reports, not guilt.").format(
                name=literal(explanation["model_name"]), version=literal(explanation["model_version"])
            )
        )


def field_names() -> dict[str, str]:
    """What is shown of LAPD's columns, in the form's order."""
    return {
        "DATE OCC": _("Date"),
        "TIME OCC": _("Time"),
        "AREA": _("Area"),
        "Premis Cd": _("Premise"),
        "Weapon Used Cd": _("Weapon"),
        "Mocodes": _("MO codes"),
        "Victim Shot": _("Victim shot"),
        "Domestic Violence Crime": _("Domestic violence"),
        "Gang-related Crime": _("Gang"),
        "Transit-related Crime": _("Public transport"),
        "Date Rptd": _("Date reported"),
        "Rpt Dist No": _("Reporting district"),
        "LAT": _("Latitude"),
        "LON": _("Longitude"),
        "Vict Age": _("Victim's age"),
        "Vict Sex": _("Victim's sex"),
        "Vict Descent": _("Victim's descent"),
    }


def field_name(field: str) -> str:
    """What is shown of a column, or of one MO code (`Mocodes 0344`)."""
    return _("MO code") if field.startswith("Mocodes ") else field_names().get(field, field)


def given_reasons(explanation: Explanation) -> list[Reason]:
    """The reasons of the fields that were given and used, but for the report system."""
    return [
        reason for reason in explanation["reasons"] if reason["value"] is not None and any(reason["effect"].values())
    ]


def known_names(explanation: Explanation) -> str:
    """The names of the fields that an answer is from, as a list in the form's order; blank for none."""
    columns = {
        "Mocodes" if reason["field"].startswith("Mocodes ") else reason["field"]
        for reason in given_reasons(explanation)
    }
    return ", ".join(name for column, name in field_names().items() if column in columns)


def telling_fields(explanation: Explanation) -> list[NextField]:
    """The fields of the form that are expected to tell something, the most telling first."""
    fields = (field for field in explanation["next_fields"] if field["gain_bits"] >= LITTLE_BITS)
    return [field for field in fields if not field["fields"][0].startswith("Vict ")]  # the form does not ask for them


def next_field_name(field: NextField) -> str:
    """The name of fields that are asked for together."""
    if field["fields"] == ["LAT", "LON"]:
        return _("Latitude and longitude")
    return _("Circumstances") if len(field["fields"]) > 1 else field_name(field["fields"][0])


def show_answer(explanation: Explanation, known: str) -> None:
    """The category, how sure, and the field that would tell most, in two lines."""
    category = _(explanation["label_name"]).capitalize()
    share = percent(explanation["probability"])
    if known:
        label, detail = _("Most likely"), _("{sure} sure, from {known}").format(sure=share, known=known)
    else:
        label, detail = _("Most frequent: nothing is known yet"), _("{share} of all reports").format(share=share)
    st.metric(
        label,
        literal(category),
        literal(detail),
        delta_color="off",
        delta_arrow="off",
    )
    telling = telling_fields(explanation)
    if telling:
        st.markdown(
            _("**{field}** would tell most: {gain} of the {open} bits still open.").format(
                field=literal(next_field_name(telling[0])),
                gain=number(telling[0]["gain_bits"], 1),
                open=number(explanation["open_bits"], 1),
            )
        )


def show_notices(explanation: Explanation) -> None:
    """What of the report was not used, or is odd."""
    if explanation["unknown_codes"]:
        st.warning(
            _("Not known to LAPD's tables or the model, so not used: {codes}").format(
                codes=", ".join(map(literal, explanation["unknown_codes"]))
            ),
            icon=":material/rule:",
        )
    for warning in explanation.get("warnings", []):
        st.warning(_warning_text(warning), icon=":material/event_busy:")


def _warning_text(warning: str) -> str:
    """A warning of the backend, which names a field first."""
    field, colon, text = warning.partition(": ")
    return f"**{literal(field_name(field.strip()))}**: {literal(text)}" if colon else literal(warning)


def show_trust(explanation: Explanation, is_known: bool) -> None:
    """How often such answers are right, and which fields would sharpen this one."""
    record = explanation["track_record"]
    if is_known:
        sentences = [
            _(
                "On reports held out of training, of which just these fields were shown, the answer was right "
                "{accuracy} of the time."
            ).format(accuracy=percent(record["accuracy"]))
        ]
        if record["as_sure"] is not None:
            sentences.append(_("Where it was about as sure as here: {share}.").format(share=percent(record["as_sure"])))
        st.markdown(" ".join(sentences))
    else:
        st.markdown(
            _("These are the base rates: the share of each category in all reports. Give what is known, in any order.")
        )
    telling = telling_fields(explanation)
    if telling:
        gains = (
            _("{field} {gain} bits").format(field=literal(next_field_name(field)), gain=number(field["gain_bits"], 1))
            for field in telling[:MOST_NEXT_FIELDS]
        )
        text = _("**What would sharpen this**, on average over its likely values: {gains}.").format(
            gains=", ".join(gains)
        )
    elif explanation["next_fields"]:
        text = _("**No other field is expected to tell much more.**")
    else:
        text = _("**All fields that the model uses are known.**")
    st.info(
        text
        + " "
        + _("Open: {open} bits. 0 is certain, 1 as open as a coin toss, 2.8 all seven categories alike.").format(
            open=number(explanation["open_bits"], 1)
        ),
        icon=":material/lightbulb:",
    )


def show_categories(explanation: Explanation, system: ReportSystem) -> None:
    """The probability of each category beside its base rate, and which crime codes are in it."""
    shown = {_(name).capitalize(): value for name, value in explanation["probabilities"].items()}
    base_rates = {_(name).capitalize(): value for name, value in explanation["base_rates"].items()}
    likeliest = _(explanation["label_name"]).capitalize()
    show(
        answers.probabilities(shown, base_rates, likeliest),
        "bars",
        _("Probability of each category, and its base rate as a mark"),
        {
            _("Category"): list(shown),
            _("Probability"): list(shown.values()),
            _("Base rate"): [base_rates[name] for name in shown],
        },
    )
    st.caption(_("Orange: the base rate, the share of the category in all reports."))
    with st.expander(_("What each category holds"), icon=":material/category:"):
        for name in explanation["probabilities"]:
            codes = [
                code["name"].capitalize()
                for code in cached.codes().get("crime", [])
                if code.get("category") == name and code["system"] == system
            ]
            st.markdown(f"**{literal(_(name).capitalize())}**: {literal('; '.join(sorted(set(codes))))}")


def show_reasons(explanation: Explanation) -> None:
    """The way from the base rate of a category to its probability: in words, then drawn."""
    st.subheader(_("Why"))
    keys = category_names()
    names = cached.category_model()["serving"]["categories"]
    likeliest = next(key for key, name in names.items() if name == explanation["label_name"])
    chosen = address.pick(st, _("Category"), "why", keys, placeholder=keys[likeliest]) or likeliest
    name, category = names[chosen], keys[chosen]
    given = sorted(given_reasons(explanation), key=lambda reason: -abs(reason["effect"][name]))
    base_rate, probability = explanation["base_rates"][name], explanation["probabilities"][name]
    steps = steps_of(given, name)
    lines = [
        _("Base rate: {share} of all reports are of the category {category}.").format(
            share=percent(base_rate), category=literal(category)
        ),
        *(step_text(step) for step in steps),
        _("This report: {share}.").format(share=percent(probability)),
    ]
    st.markdown("\n".join(f"- {line}" for line in lines))
    show(
        answers.waterfall(base_rate, steps, probability),
        "why-bars",
        _("From the base rate to the probability of {category}, field by field").format(category=category),
        {
            _("Field"): [field_name(reason["field"]) for reason in given],
            _("Value"): [reason["value"] for reason in given],
            _("Percentage points"): [100 * reason["effect"][name] for reason in given],
            _("Log-odds (tree SHAP)"): [reason["log_odds"][name] for reason in given],
        },
    )


def steps_of(given: list[Reason], category: str) -> list[Step]:
    """The fields with the largest effect on a category, and all others as one step."""
    steps = [
        Step(field_name(reason["field"]), reason["value"] or "", reason["effect"][category])
        for reason in given[:MOST_STEPS]
    ]
    if rest := given[MOST_STEPS:]:
        others = ngettext("{count} other field", "{count} other fields", len(rest)).format(count=len(rest))
        steps.append(Step(_("Together"), others, sum(reason["effect"][category] for reason in rest)))
    return steps


def step_text(step: Step) -> str:
    """A step in words."""
    moved = round(100 * abs(step.effect))
    if not moved:
        return _("{field}, {value}: hardly changes it").format(field=literal(step.name), value=literal(step.value))
    if step.effect > 0:
        text = ngettext(
            "{field}, {value}: raises it by {count} point", "{field}, {value}: raises it by {count} points", moved
        )
    else:
        text = ngettext(
            "{field}, {value}: lowers it by {count} point", "{field}, {value}: lowers it by {count} points", moved
        )
    return text.format(field=literal(step.name), value=literal(step.value), count=moved)


page()
