"""Reads model versions and the audit log; promotes a version or rolls it back."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from crime_ui.client.answers import CategoryModel
from crime_ui.client.answers_models import AuditEntry, Challenger, Decision, Evaluation, RegisteredModel
from crime_ui.client.transport import BackendDown, Refused, send, unreadable_entries

CATEGORY_MODEL, FORECAST_MODEL = "crime-category", "crime-risk"
CHALLENGER_MODEL = f"{CATEGORY_MODEL}@challenger"  # of the trouble with it
EVALUATION_SECONDS = 60
DECISION_SECONDS = 120  # a promotion scores held-out reports with both versions


def category_model() -> CategoryModel:
    """The category model: its versions and the details of the one that answers. Without it no page works."""
    try:
        answer: CategoryModel = send("GET", f"/models/{CATEGORY_MODEL}").json()
    except Refused as refusal:
        raise BackendDown(str(refusal)) from None
    return answer


def registered(name: str) -> RegisteredModel:
    """A model's versions, and whether decisions can be made. Raises `Refused` if there is no such model yet."""
    answer: RegisteredModel = send("GET", f"/models/{name}").json()
    return answer


def evaluation(versions: Sequence[str]) -> Evaluation:
    """Versions of the category model on the same reports. Raises `Refused` where too few are new to all of them."""
    path = f"/models/{CATEGORY_MODEL}/evaluation"
    answer: Evaluation = send("GET", path, params={"version": list(versions)}, timeout=EVALUATION_SECONDS).json()
    return answer


def challenger() -> Challenger | None:
    """How the category model's challenger compares with the champion; None without one."""
    try:
        answer: Challenger = send("GET", f"/models/{CATEGORY_MODEL}/challenger").json()
    except Refused:
        return None
    return answer


class Audit(NamedTuple):
    """Every decision about which version answers, the newest first, and how many entries can't be read."""

    entries: list[AuditEntry]
    unreadable: int


def decisions() -> Audit | None:
    """The record of decisions; None while the registry does not answer."""
    try:
        answer = send("GET", "/audit", attempts=1)
    except BackendDown:
        return None
    return Audit(answer.json(), unreadable_entries(answer))


def promote(name: str, version: str, by: str, reason: str, force: bool, token: str) -> Decision:
    """Make a version champion; `force`: although a gate fails. Raises `Refused`."""
    body = {"version": version, "by": by, "reason": reason, "force": force}
    return _decide(f"/models/{name}/promote", body, token)


def rollback(name: str, by: str, reason: str, token: str) -> Decision:
    """Make the previous champion champion again. Raises `Refused`."""
    return _decide(f"/models/{name}/rollback", {"by": by, "reason": reason}, token)


def _decide(path: str, body: Mapping[str, object], token: str) -> Decision:
    """Sent once: a rollback that is sent twice undoes itself."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer: Decision = send("POST", path, attempts=1, json=body, headers=headers, timeout=DECISION_SECONDS).json()
    return answer
