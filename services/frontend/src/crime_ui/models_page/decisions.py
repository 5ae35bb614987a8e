"""Every version of a model, why it is champion or not, and the forms that decide."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from crime_ui import address, sign_in
from crime_ui.client import cached, models
from crime_ui.client.answers_models import AuditEntry, Challenger, Decision, Gate, ModelVersion
from crime_ui.client.models import CATEGORY_MODEL
from crime_ui.client.transport import Refused
from crime_ui.language import _, ngettext, number, percent
from crime_ui.literal import literal, refusal_text
from crime_ui.models_page.plain import model_names
from crime_ui.unreadable import tell_unreadable

_DECIDED = "decided"  # in the session: what was decided, told after the page was read afresh


def show_decisions_section() -> None:
    name = address.switch(st, _("Model"), "name", model_names(), CATEGORY_MODEL)
    try:
        model = cached.registered(name)
    except Refused as refusal:
        advice = _("{reason}. `crime train` and `crime forecast` make the first ones.")
        st.info(advice.format(reason=refusal_text(refusal)))
        return
    tell_decided()
    st.caption(
        _(
            "A version becomes champion if it passes the gates: on the newest reports that neither it nor the present "
            "champion learnt from, it is not worse, overall and in every area, not worse calibrated, and not much "
            "slower or larger. Running pods load it within seconds. Figures of versions side by side are under “How "
            "good”."
        )
    )
    versions = model["versions"]
    st.dataframe(
        version_table(versions), hide_index=True, column_config={_("Why"): st.column_config.TextColumn(width="large")}
    )
    show_gates(versions)
    if name == CATEGORY_MODEL and (challenger := cached.challenger()):
        show_challenger(challenger)
    if not sign_in.may("decider"):
        st.info(_("Promoting and rolling back needs the role decider."), icon=":material/lock:")
    elif model.get("promotion_on", True):
        left, right = st.columns(2, gap="large")
        with left:
            promote_form(name, versions)
        with right:
            rollback_form(name, versions)
    else:
        st.info(
            _(
                "**Promotion is off here:** the backend has no token. `backend.tokenSecret` of the chart names a "
                "Secret with one; `crime promote` works without."
            ),
            icon=":material/lock:",
        )
    show_decisions(name)


def version_table(versions: list[ModelVersion]) -> pd.DataFrame:
    aliases = {"champion": _("champion"), "previous": _("champion before"), "challenger": _("challenger")}
    return pd.DataFrame(
        {
            _("Version"): version["version"],
            _("Now"): ", ".join(aliases.get(alias, alias) for alias in version["aliases"]),
            _("Made (UTC)"): pd.Timestamp(version["created"], unit="ms").floor("min")
            if version.get("created")
            else None,
            _("Gates"): gate_summary(version.get("gates", [])),
            _("By"): version["tags"].get("promoted_by", ""),
            _("Why"): version["tags"].get("forced_because") or version["tags"].get("verdict", ""),
        }
        for version in versions
    )


def gate_name(name: str) -> str:
    names = {
        "first": _("the first version"),
        "log_loss": _("log loss"),
        "area": _("every area"),
        "calibration": _("calibration"),
        "latency": _("speed"),
        "size": _("size"),
        "newer": _("newer reports"),
        "baseline_report": _("better than guessing, whole report"),
        "baseline_place_time": _("better than guessing, place and time"),
        "baseline_area": _("better than simple forecasts, areas"),
        "baseline_district": _("better than simple forecasts, districts"),
    }
    return names.get(name, name)


def gate_summary(gates: list[Gate]) -> str:
    failed = [gate_name(gate["name"]) for gate in gates if not gate["passed"]]
    if failed:
        return _("failed: {gates}").format(gates=", ".join(failed))
    return ngettext("{count} passed", "{count} passed", len(gates)).format(count=len(gates)) if gates else ""


def show_gates(versions: list[ModelVersion]) -> None:
    """The reasons of each version's gates: figures of one line are of the same reports."""
    judged = [version for version in versions if version.get("gates")]
    if not judged:
        return
    with st.expander(_("What the gates compared")):
        for version in judged:
            st.markdown(f"**{_('Version {version}').format(version=literal(version['version']))}**")
            show_outcomes(version.get("gates", []))


def show_outcomes(gates: list[Gate]) -> None:
    for gate in gates:
        icon = ":material/check:" if gate["passed"] else ":material/close:"
        st.markdown(f"{icon} {literal(gate_name(gate['name']))}: {literal(gate['reason'])}")


def show_challenger(challenger: Challenger) -> None:
    st.subheader(_("Challenger"))
    columns = st.columns(4)
    columns[0].metric(_("Version"), literal(challenger["version"]), border=True)
    columns[1].metric(
        _("Share it answers"),
        percent(challenger["canary"]),
        _("{count} so far").format(count=number(challenger["answered"])),
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    columns[2].metric(
        _("Same category as the champion"),
        _share(challenger["agreement"]),
        _("of {count}").format(count=number(challenger["shadowed"])),
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    columns[3].metric(_("Difference of probabilities"), _share(challenger["difference"]), border=True)
    if challenger["log_loss"] is not None and challenger["champion_log_loss"] is not None:
        st.write(
            _("Log loss, now that crime codes are known: {challenger}, the champion's {champion}.").format(
                challenger=number(challenger["log_loss"], 3), champion=number(challenger["champion_log_loss"], 3)
            )
        )


def _share(share: float | None) -> str:
    return _("none yet") if share is None else percent(share, 1)


def promote_form(name: str, versions: list[ModelVersion]) -> None:
    others = [version["version"] for version in versions if "champion" not in version["aliases"]]
    with st.form("promote", enter_to_submit=False):
        st.subheader(_("Promote"))
        version = st.selectbox(_("Version"), others, placeholder=_("no other version"))
        by = who_decides("promote_by")
        reason = st.text_input(_("Reason"), key="promote_reason", max_chars=500)
        force = st.checkbox(_("Although a gate fails"), key="promote_force")
        token = machine_token("promote_token")
        if not st.form_submit_button(_("Make it champion"), type="primary", disabled=not others):
            return
    if is_signed(by, reason):
        decide(lambda: models.promote(name, version, by, reason, force, token), _("Version {version} is champion."))


def rollback_form(name: str, versions: list[ModelVersion]) -> None:
    previous = next((version["version"] for version in versions if "previous" in version["aliases"]), None)
    with st.form("rollback", enter_to_submit=False):
        st.subheader(_("Roll back"))
        st.write(
            _("Version {version} was champion before.").format(version=literal(previous))
            if previous
            else _("No other version was champion before.")
        )
        by = who_decides("rollback_by")
        reason = st.text_input(_("Reason"), key="rollback_reason", max_chars=500)
        token = machine_token("rollback_token")
        if not st.form_submit_button(_("Make it champion again"), disabled=not previous):
            return
    if is_signed(by, reason):
        decide(lambda: models.rollback(name, by, reason, token), _("Version {version} is champion again."))


def who_decides(key: str) -> str:
    """Who signs a decision: the box of a form, or who is signed in."""
    return sign_in.name() or st.text_input(_("Who decides"), key=key, max_chars=200)


def machine_token(key: str) -> str:
    """The token that a form asks for where nobody is signed in."""
    return "" if sign_in.name() else st.text_input(_("Token"), type="password", key=key)


def is_signed(by: str, reason: str) -> bool:
    """Whether somebody signs with a reason; says what is missing."""
    if len(by.strip()) < 2:
        st.error(_("Who decides? The name is recorded with the decision."))
    elif len(reason.strip()) < 3:
        st.error(_("Why? The reason is recorded with the decision."))
    else:
        return True
    return False


def decide(send: Callable[[], Decision], done: str) -> None:
    """Send a decision and read the page afresh, or show why it was refused."""
    try:
        with st.spinner(_("The version is compared and loaded")):
            decision = send()
    except Refused as refusal:
        st.error(refusal_text(refusal))
        return
    cached.forget()
    st.session_state[_DECIDED] = (
        done.format(version=literal(decision["version"])),
        decision["gates"],
        decision.get("warning"),
    )
    st.rerun()


def tell_decided() -> None:
    """What was decided just before the page was read afresh."""
    if decided := st.session_state.pop(_DECIDED, None):
        done, gates, warning = decided
        st.success(done, icon=":material/check:")
        if warning:
            st.warning(_("It is carried out, but its record is not complete:"))
            st.text(warning)
        show_outcomes(gates)


def outcome_text(decision: AuditEntry) -> str:
    """What became of a decision, with what went wrong."""
    outcomes = {
        "done": _("done"),
        "failed": _("failed"),
        "not known": _("not known: interrupted, or still at work"),
    }
    outcome = decision.get("outcome", "")
    text, problem = outcomes.get(outcome, _("not recorded")), decision.get("problem")
    return f"{text}: {problem}" if problem and outcome in ("done", "failed") else text


def show_decisions(name: str) -> None:
    audit = cached.decisions()
    if audit is None:
        st.caption(_("The record of decisions can't be read while the registry does not answer."))
        return
    tell_unreadable(audit.unreadable)
    decisions = [decision for decision in audit.entries if decision["model"] == name]
    if not decisions:
        return
    st.subheader(ngettext("{count} decision", "{count} decisions", len(decisions)).format(count=number(len(decisions))))
    acts = {
        "promote": _("promoted"),
        "rollback": _("rolled back to"),
        "challenge": _("made challenger"),
        "withdraw": _("challenger withdrawn"),
    }
    st.dataframe(
        pd.DataFrame(
            {
                _("At (UTC)"): pd.Timestamp(decision["at"]).tz_localize(None).floor("s"),
                _("What"): acts.get(decision["what"], decision["what"]),
                _("Version"): decision["version"],
                _("Outcome"): outcome_text(decision),
                _("By"): decision["by"],
                _("Why"): decision["why"] or "",
            }
            for decision in decisions
        ),
        hide_index=True,
    )
