"""Every version of both models: figures side by side, why it is champion or not, and the decision itself."""

import pandas as pd
import streamlit as st
from crime_ui import backend

NAMES = {"crime-category": "Category of a report", "crime-risk": "Forecast"}

st.title("Models")
name = st.segmented_control(
    "Model",
    list(NAMES),
    format_func=lambda name: NAMES[name],
    default="crime-category",
    required=True,
    key="name",
    bind="query-params",
)
try:
    versions = backend.versions(name)
except backend.WrongInput as wrong:
    st.info(f"{wrong}. `crime train` and `crime forecast` make the first ones.")
    st.stop()

champion = next((v["version"] for v in versions if "champion" in v["aliases"]), None)
st.caption(
    "A version becomes champion if it is not worse than the present one on the newest reports that its training did "
    "not see, in no area, no worse calibrated, and neither slow nor large. Running pods take it up within seconds."
)


def gates(tags: dict[str, str]) -> str:
    failed = [key.removeprefix("gate.") for key, said in tags.items() if key.startswith("gate.") and "failed" in said]
    passed = [key for key, said in tags.items() if key.startswith("gate.") and "passed" in said]
    return f"failed: {', '.join(failed)}" if failed else f"{len(passed)} passed" if passed else ""


def figures(version: dict) -> dict:
    if name == "crime-risk":
        return {
            f"Deviance by {by}": version["metrics"].get(f"{by}.crime-risk", {}).get("deviance")
            for by in ("area", "district")
        }
    overall = version["metrics"].get("overall", {})
    return {"Accuracy": overall.get("accuracy"), "Log loss": overall.get("log_loss"), "ECE": overall.get("ece")}


table = pd.DataFrame(
    {
        "Version": version["version"],
        "Alias": ", ".join(version["aliases"]),
        **figures(version),
        "Gates": gates(version["tags"]),
        "Why": version["tags"].get("forced_because") or version["tags"].get("verdict", ""),
        "By": version["tags"].get("promoted_by", ""),
    }
    for version in versions
)
st.dataframe(table, hide_index=True, column_config={"Why": st.column_config.TextColumn(width="large")})

if name == "crime-category" and (rival := backend.challenger()):
    st.subheader("Challenger")
    one, two, three, four = st.columns(4)
    one.metric("Version", rival["version"], border=True)
    two.metric("Answers itself", f"{rival['canary']:.0%}", f"{rival['answered']:,} so far", "off", border=True)
    agreement = "none yet" if rival["agreement"] is None else f"{rival['agreement']:.1%}"
    three.metric("Same category as the champion", agreement, f"of {rival['shadowed']:,}", "off", border=True)
    difference = "none yet" if rival["difference"] is None else f"{rival['difference']:.1%}"
    four.metric("Probability moved", difference, border=True)
    if rival["log_loss"] is not None:
        champions = rival["champion_log_loss"]
        beside = "" if champions is None else f", the champion's {champions:.3f}"
        st.write(f"Log loss, now that crime codes are known: {rival['log_loss']:.3f}{beside}.")

left, right = st.columns(2, gap="large")
with left, st.form("promote"):
    st.subheader("Promote")
    others = [v["version"] for v in versions if v["version"] != champion]
    version = st.selectbox("Version", others, placeholder="no other version")
    force = st.text_input("Although a gate fails, because", placeholder="recorded with the version")
    by = st.text_input("Who decides")
    token = st.text_input("Token", type="password")
    if st.form_submit_button("Make it champion", type="primary", disabled=not others):
        try:
            decision = backend.promote(name, str(version), by, force, token)
            st.success(f"Version {version} is champion.")
            for gate in decision["gates"]:
                st.write(f"{':material/check:' if gate['passed'] else ':material/close:'} {gate['reason']}")
        except backend.WrongInput as wrong:
            st.error(str(wrong))
with right, st.form("rollback"):
    st.subheader("Roll back")
    previous = next((v["version"] for v in versions if "previous" in v["aliases"]), None)
    st.write(f"Version {previous} was champion before." if previous else "No other version was champion before.")
    by = st.text_input("Who decides", key="rollback_by")
    token = st.text_input("Token", type="password", key="rollback_token")
    if st.form_submit_button("Make it champion again", disabled=not previous):
        try:
            st.success(f"Version {backend.rollback(name, by, token)['version']} is champion again.")
        except backend.WrongInput as wrong:
            st.error(str(wrong))

if (acts := backend.audit()) is None:
    st.caption("The record of decisions can't be read while the registry does not answer.")
elif mine := [act for act in acts if act["model"] == name]:
    with st.expander(f"{len(mine)} decision{'s' if len(mine) > 1 else ''}"):
        shown = pd.DataFrame(mine)[["at", "what", "version", "by", "why"]]
        shown["at"] = pd.to_datetime(shown["at"])
        st.dataframe(shown.rename(columns=str.capitalize).rename(columns={"At": "At (UTC)"}), hide_index=True)
