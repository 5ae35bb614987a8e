"""Whether all is well, and if not, what is wrong and what to do."""

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from crime_ui.client import cached
from crime_ui.client.answers import DataAge
from crime_ui.client.answers_models import Drift, EstimatedWeek, Pod, WeekOfPerformance
from crime_ui.client.models import CATEGORY_MODEL, CHALLENGER_MODEL
from crime_ui.client.transport import Refused
from crime_ui.language import _, long_day, ngettext, number, percent
from crime_ui.literal import literal, refusal_text
from crime_ui.models_page.plain import feature_name, listed, model_names, pods_text, reports_text

MIN_DRIFT_REPORTS = 200  # the backend's minimum: fewer recorded predictions are not compared
STALE_LAGS = 3  # times the usual days that reports are behind; docs/method.md
RANGE_ERRORS = 1.96  # standard errors to each side of a 95 % range


@dataclass(frozen=True)
class Finding:
    """What is wrong, and what to do about it, a sentence each."""

    wrong: str
    advice: str


@st.fragment(run_every=30)
def show_health() -> None:
    pods, age = cached.pods(), cached.data_age()
    try:
        drift: Drift | None = cached.drift()
        refusal = ""
    except Refused as refused:
        drift, refusal = None, refusal_text(refused)
    found = findings(pods, drift, age)
    if found:
        heading = ngettext("**One thing needs attention.**", "**{count} things need attention.**", len(found)).format(
            count=number(len(found))
        )
        first, *more = [f"{finding.wrong} {finding.advice}" for finding in found]
        listed_text = "\n".join([heading, "", *(f"- {text}" for text in (first, *more))])
        st.warning(listed_text if more else f"{heading} {first}", icon=":material/warning:")
        return
    st.success(_("**All is well.** {why}").format(why=_why_well(pods, drift, refusal)), icon=":material/check_circle:")


def findings(pods: Sequence[Pod], drift: Drift | None, age: DataAge | None) -> list[Finding]:
    """What is wrong, the most urgent first."""
    return [*_pods_findings(pods), *(_drift_findings(drift) if drift else []), *_age_findings(age)]


def _why_well(pods: Sequence[Pod], drift: Drift | None, refusal: str) -> str:
    running = literal(pods_text(pods))
    if drift is None:
        return _("{running}. Whether live reports have changed can't be told now: {reason}").format(
            running=running, reason=refusal
        )
    if not drift["features"]:
        return _(
            "{running}. So far {reports} were recorded; from {needed} on the page tells whether they are like those of "
            "the training."
        ).format(running=running, reports=reports_text(drift["reports"]), needed=MIN_DRIFT_REPORTS)
    return _("{running}, and the latest {reports} are like those it was trained on.").format(
        running=running, reports=reports_text(drift["reports"])
    )


def _pods_findings(pods: Sequence[Pod]) -> list[Finding]:
    if not pods:
        return [Finding(_("No pod of the backend tells how it is."), _("Look at its pods and their logs."))]
    found = []
    names = model_names()
    trouble = {(name, why) for pod in pods for name, why in pod["trouble"].items()}
    for name, why in sorted(trouble):
        count = sum(pod["trouble"].get(name) == why for pod in pods)
        if name == CHALLENGER_MODEL:
            wrong = ngettext(
                "{count} pod can't load the challenger: {why}.", "{count} pods can't load the challenger: {why}.", count
            )
            advice = _("The champion answers alone; withdraw the challenger, or try another version.")
        else:
            wrong = ngettext(
                "{count} pod can't load the champion of “{model}”: {why}.",
                "{count} pods can't load the champion of “{model}”: {why}.",
                count,
            )
            advice = _("What they loaded last keeps answering; if this stays, roll back or promote another version.")
        model, reason = literal(names.get(name, name)), refusal_text(why.rstrip("."))
        wrong = wrong.format(count=number(count), model=model, why=reason)
        found.append(Finding(wrong, advice))
    versions = sorted({pod["serving"].get(CATEGORY_MODEL, _("none")) for pod in pods})
    if len(versions) > 1:
        wrong = _("Pods answer with different versions: {versions}.").format(versions=literal(listed(versions)))
        found.append(Finding(wrong, _("After a decision that takes seconds; if it stays, look at the pods' logs.")))
    failed = sum(minute["failed"] for pod in pods for minute in pod.get("minutes", []))
    if failed:
        wrong = ngettext(
            "{count} request failed within three hours.", "{count} requests failed within three hours.", failed
        ).format(count=number(failed))
        found.append(Finding(wrong, _("The pods' logs have the reason, with the request's id.")))
    return found


def _drift_findings(drift: Drift) -> list[Finding]:
    found = []
    drifted = [feature_name(feature["feature"]) for feature in drift["features"] if feature["drifted"]]
    if drifted:
        wrong = _("The latest {reports} are unlike those of the training: {features}.").format(
            reports=reports_text(drift["reports"]), features=literal(listed(drifted))
        )
        advice = _(
            "“Drift” shows what changed. If it is no mistake of whoever sends the reports, train on newer ones: "
            "`crime retrain`."
        )
        found.append(Finding(wrong, advice))
    worse = fallen_week(drift.get("estimated", []), drift["performance"])
    if worse:
        wrong = _(
            "In the week from {day} {accuracy} of the answers of version {version} were right, fewer than their "
            "probabilities promise ({low} to {high})."
        ).format(
            day=long_day(datetime.date.fromisoformat(worse[1]["week"])),
            accuracy=percent(worse[1]["accuracy"], 1),
            version=literal(worse[1]["version"]),
            low=percent(worse[0]["accuracy"]["low"], 1),
            high=percent(worse[0]["accuracy"]["high"], 1),
        )
        advice = _(
            "Reports have come to mean other categories, or codes are recorded otherwise: train on newer reports."
        )
        found.append(Finding(wrong, advice))
    return found


def fallen_week(
    estimated: Sequence[EstimatedWeek], measured: Sequence[WeekOfPerformance]
) -> tuple[EstimatedWeek, WeekOfPerformance] | None:
    """The latest week with both, if its measured accuracy is below the range of the estimate, and not by chance."""
    by_week = {(week["week"], week["version"]): week for week in estimated}
    both = [(by_week[key], week) for week in measured if (key := (week["week"], week["version"])) in by_week]
    if not both:
        return None
    expected, week = both[-1]
    accuracy = week["accuracy"]
    chance = RANGE_ERRORS * math.sqrt(accuracy * (1 - accuracy) / week["reports"])
    return (expected, week) if accuracy + chance < expected["accuracy"]["low"] else None


def _age_findings(age: DataAge | None) -> list[Finding]:
    if age is None or age["days_behind"] <= STALE_LAGS * age["usual"]:
        return []
    wrong = _("The model's newest report is of {day}, {days} days ago; about {usual} are usual.").format(
        day=long_day(datetime.date.fromisoformat(age["until"])),
        days=number(age["days_behind"]),
        usual=literal(age["usual"]),
    )
    return [Finding(wrong, _("Fetch newer reports and train on them: `crime retrain`."))]
