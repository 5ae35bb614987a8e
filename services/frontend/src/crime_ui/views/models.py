"""Every version of both models: metrics side by side, why it is champion or not, promotion and rollback."""

import pandas as pd
import streamlit as st
from crime_ui.client import cached, models
from crime_ui.client.answers import Challenger, Gate, ModelVersion
from crime_ui.client.models import CATEGORY_MODEL, FORECAST_MODEL
from crime_ui.client.transport import Refused

NAMES = {CATEGORY_MODEL: "Category of a report", FORECAST_MODEL: "Forecast"}


def page() -> None:
    st.title("Models")
    name = st.segmented_control(
        "Model",
        list(NAMES),
        format_func=lambda name: NAMES[name],
        default=CATEGORY_MODEL,
        required=True,
        key="name",
        bind="query-params",
    )
    try:
        versions = cached.versions(name)
    except Refused as refusal:
        st.info(f"{refusal}. `crime train` and `crime forecast` make the first ones.")
        return
    st.caption(
        "A version becomes champion if it passes the gates: on the newest reports that its training did not see, it is "
        "not worse than the present champion, overall and in every area, not worse calibrated, and not much slower or "
        "larger. Running pods load it within seconds."
    )
    table = version_table(name, versions)
    st.dataframe(table, hide_index=True, column_config={"Why": st.column_config.TextColumn(width="large")})
    if name == CATEGORY_MODEL and (challenger := cached.challenger()):
        show_challenger(challenger)
    left, right = st.columns(2, gap="large")
    with left, st.form("promote"):
        promote_form(name, versions)
    with right, st.form("rollback"):
        rollback_form(name, versions)
    show_decisions(name)


def version_table(name: str, versions: list[ModelVersion]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Version": version["version"],
            "Alias": ", ".join(version["aliases"]),
            **compared_metrics(name, version),
            "Gates": gate_summary(version.get("gates", [])),
            "Why": version["tags"].get("forced_because") or version["tags"].get("verdict", ""),
            "By": version["tags"].get("promoted_by", ""),
        }
        for version in versions
    )


def compared_metrics(name: str, version: ModelVersion) -> dict[str, float | None]:
    """The metrics by which versions of a model are compared."""
    metrics = version["metrics"]
    if name == FORECAST_MODEL:
        return {f"Deviance by {by}": metrics.get(f"{by}.{name}", {}).get("deviance") for by in ("area", "district")}
    overall = metrics.get("overall", {})
    return {"Accuracy": overall.get("accuracy"), "Log loss": overall.get("log_loss"), "ECE": overall.get("ece")}


def gate_summary(gates: list[Gate]) -> str:
    failed = [gate["name"] for gate in gates if not gate["passed"]]
    if failed:
        return f"failed: {', '.join(failed)}"
    return f"{len(gates)} passed" if gates else ""


def show_challenger(challenger: Challenger) -> None:
    st.subheader("Challenger")
    columns = st.columns(4)
    columns[0].metric("Version", challenger["version"], border=True)
    columns[1].metric(
        "Share it answers",
        f"{challenger['canary']:.0%}",
        f"{challenger['answered']:,} so far",
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    columns[2].metric(
        "Same category as the champion",
        _percent(challenger["agreement"]),
        f"of {challenger['shadowed']:,}",
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    columns[3].metric("Difference of probabilities", _percent(challenger["difference"]), border=True)
    if challenger["log_loss"] is not None:
        champion = challenger["champion_log_loss"]
        comparison = "" if champion is None else f", the champion's {champion:.3f}"
        st.write(f"Log loss, now that crime codes are known: {challenger['log_loss']:.3f}{comparison}.")


def _percent(share: float | None) -> str:
    return "none yet" if share is None else f"{share:.1%}"


def promote_form(name: str, versions: list[ModelVersion]) -> None:
    st.subheader("Promote")
    others = [version["version"] for version in versions if "champion" not in version["aliases"]]
    version = st.selectbox("Version", others, placeholder="no other version")
    by = st.text_input("Who decides")
    reason = st.text_input("Reason", placeholder="recorded with the decision")
    force = st.checkbox("Although a gate fails")
    token = st.text_input("Token", type="password")
    if not st.form_submit_button("Make it champion", type="primary", disabled=not others):
        return
    try:
        decision = models.promote(name, version, by, reason, force, token)
    except Refused as refusal:
        st.error(str(refusal))
        return
    cached.forget()
    st.success(f"Version {version} is champion.")
    for gate in decision["gates"]:
        st.write(f"{':material/check:' if gate['passed'] else ':material/close:'} {gate['reason']}")


def rollback_form(name: str, versions: list[ModelVersion]) -> None:
    st.subheader("Roll back")
    previous = next((version["version"] for version in versions if "previous" in version["aliases"]), None)
    st.write(f"Version {previous} was champion before." if previous else "No other version was champion before.")
    by = st.text_input("Who decides", key="rollback_by")
    reason = st.text_input("Reason", key="rollback_reason")
    token = st.text_input("Token", type="password", key="rollback_token")
    if not st.form_submit_button("Make it champion again", disabled=not previous):
        return
    try:
        decision = models.rollback(name, by, reason, token)
    except Refused as refusal:
        st.error(str(refusal))
        return
    cached.forget()
    st.success(f"Version {decision['version']} is champion again.")


def show_decisions(name: str) -> None:
    decisions = cached.decisions()
    if decisions is None:
        st.caption("The record of decisions can't be read while the registry does not answer.")
        return
    decisions = [decision for decision in decisions if decision["model"] == name]
    if not decisions:
        return
    with st.expander(f"{len(decisions)} decision{'s' if len(decisions) > 1 else ''}"):
        table = pd.DataFrame(decisions)[["at", "what", "version", "by", "why"]]
        table["at"] = pd.to_datetime(table["at"]).dt.tz_localize(None)
        st.dataframe(table.rename(columns=str.capitalize).rename(columns={"At": "At (UTC)"}), hide_index=True)


page()
