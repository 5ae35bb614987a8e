"""Whether live reports are like those that the champion was trained on, field by field."""

import streamlit as st

from crime_ui.charts import running
from crime_ui.charts.shown import show
from crime_ui.client import cached
from crime_ui.client.answers_models import Drift, FeatureDrift
from crime_ui.client.transport import Refused
from crime_ui.language import _, number
from crime_ui.literal import literal, refusal_text
from crime_ui.models_page.health import MIN_DRIFT_REPORTS
from crime_ui.models_page.plain import feature_name, reports_text, value_name
from crime_ui.unreadable import tell_unreadable

DRIFT_PSI = 0.1  # the backend's threshold: from here on a change is drift, unless chance explains it


@st.fragment(run_every=15)
def show_drift() -> None:
    try:
        drift = cached.drift()
    except Refused as refusal:
        st.info(refusal_text(refusal))
        return
    tell_unreadable(drift.get("unreadable", 0))
    if not drift["features"]:
        few = _("{reports} recorded: too few to compare with the training. From {needed} on they are compared.")
        st.info(few.format(reports=reports_text(drift["reports"]), needed=MIN_DRIFT_REPORTS))
        return
    st.caption(
        _(
            "The latest {reports} that systems sent, beside those that version {version} was trained on. A field has "
            "changed where the change (population stability index, PSI) is {threshold} or more and chance does not "
            "explain it. Tables that are uploaded on this page are not counted."
        ).format(
            reports=reports_text(drift["reports"]),
            version=literal(drift["model_version"]),
            threshold=number(DRIFT_PSI, 1),
        )
    )
    for first in range(0, len(drift["features"]), 2):  # side by side, and in their order on a phone
        pair = drift["features"][first : first + 2]
        for column, feature in zip(st.columns(2, gap="large"), pair, strict=False):
            with column:
                show_feature(feature)
    if len(drift["history"]) > 1:
        show_history(drift)


def show_feature(feature: FeatureDrift) -> None:
    """A field's shares in training and live."""
    name = feature_name(feature["feature"])
    mark = f" :orange-badge[:material/warning: {_('changed')}]" if feature["drifted"] else ""
    st.markdown(f"**{literal(name)}**{mark}")
    about = _("change {psi} on {reports}").format(
        psi=number(feature["psi"], 2), reports=reports_text(feature["reports"])
    )
    st.caption(about)
    values = [{**value, "name": value_name(value["name"])} for value in feature.get("values", [])]
    if values:
        table = {
            _("Value"): [value["name"] for value in values],
            _("Share in training"): [value["reference"] for value in values],
            _("Share live"): [value["live"] for value in values],
        }
        key = "shares-" + feature["feature"].replace(" ", "-").replace(",", "")
        show(running.shares_by_value(values), key, name, table)  # type: ignore[arg-type]


def show_history(drift: Drift) -> None:
    st.subheader(_("Change over time"))
    st.caption(_("Periods of as many predictions each. Above the dashed line a field has changed."))
    features = sorted({feature for period in drift["history"] for feature in period["psi"]})
    table = {_("Period until (UTC)"): [period["until"] for period in drift["history"]]} | {
        feature_name(feature): [period["psi"].get(feature) for period in drift["history"]] for feature in features
    }
    names = {feature: feature_name(feature) for feature in features}
    show(running.drift_history(drift["history"], names, DRIFT_PSI), "drift", _("Change of each field over time"), table)
