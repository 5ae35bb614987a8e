"""Every version, why it is champion or not, and the decisions about it."""

from collections.abc import Callable
from typing import Any

import pytest
from recorded import OpenView, RecordedBackend, recorded
from streamlit.testing.v1 import AppTest

PROMOTE, ROLLBACK = "/models/crime-category/promote", "/models/crime-category/rollback"


@pytest.fixture
def open_versions(open_view: OpenView) -> Callable[..., AppTest]:
    return lambda **parameters: open_view("models", show="versions", **parameters)


def sign(view: AppTest, form: str, by: str = "ana", reason: str = "to see it", token: str = "secret") -> None:
    for field, text in (("by", by), ("reason", reason), ("token", token)):
        view.text_input(key=f"{form}_{field}").input(text)


def button(view: AppTest, label: str) -> Any:
    return next(button for button in view.button if button.label == label)


def test_every_version_with_its_gates(backend: RecordedBackend, open_versions: Callable[..., AppTest]) -> None:
    view = open_versions()
    table = view.dataframe[0].value
    assert list(table["Version"]) == ["3", "2", "1"]
    assert list(table["Now"]) == ["", "champion", "champion before"]
    assert list(table["Gates"]) == ["failed: log loss", "5 passed", "1 passed"]
    assert table["Why"][0].startswith("not champion: log loss 0.2038 against version 2's 0.2025 on the same 1,578")
    assert table["By"][1] == "training"
    reason = recorded("model_category")["versions"][0]["gates"][0]["reason"]
    assert f":material/close: log loss: {reason}" in [text.value for text in view.expander[0].markdown]


def test_no_figures_of_different_reports_stand_side_by_side(
    backend: RecordedBackend, open_versions: Callable[..., AppTest]
) -> None:
    """Each version's own metrics are of its own held-out reports."""
    for name in ("crime-category", "crime-risk"):
        table = open_versions(name=name).dataframe[0].value
        assert set(table) == {"Version", "Now", "Made (UTC)", "Gates", "By", "Why"}


def test_gates_are_read_from_the_list_and_not_from_texts(
    backend: RecordedBackend, open_versions: Callable[..., AppTest]
) -> None:
    model = recorded("model_category")
    model["versions"][0]["tags"]["gate.log_loss"] = "passed: the word failed in its reason"
    model["versions"][0]["gates"] = [{"name": "log_loss", "passed": True, "reason": "none failed"}]
    del model["versions"][1]["gates"]  # as a backend of the release before answers
    backend.replace("GET", "/models/crime-category", model)
    assert list(open_versions().dataframe[0].value["Gates"]) == ["1 passed", "", "1 passed"]


def test_the_forecasts_versions(backend: RecordedBackend, open_versions: Callable[..., AppTest]) -> None:
    view = open_versions(name="Forecast")  # as addresses of earlier releases say
    assert not view.warning or "address" not in view.warning[0].value
    headings = [subheader.value for subheader in view.subheader]
    assert "Challenger" not in headings
    assert "1 decision" in headings


def test_a_model_that_was_never_trained(backend: RecordedBackend, open_versions: Callable[..., AppTest]) -> None:
    backend.replace("GET", "/models/crime-risk", recorded("model_unknown"), 404)
    view = open_versions(name="crime-risk")
    assert view.info[0].value == "no model 'nothing'. `crime train` and `crime forecast` make the first ones."
    assert not view.dataframe


def test_a_challenger_beside_the_champion(backend: RecordedBackend, open_versions: Callable[..., AppTest]) -> None:
    backend.replace("GET", "/models/crime-category/challenger", recorded("challenger"))
    view = open_versions()
    assert [(metric.value, metric.delta) for metric in view.metric] == [
        ("3", ""),
        ("20%", "33 so far"),
        ("98.9%", "of 917"),
        ("1.6%", ""),
    ]
    assert not any("Log loss, now" in markdown.value for markdown in view.markdown)


def test_a_challenger_before_and_after_the_truth_is_known(
    backend: RecordedBackend, open_versions: Callable[..., AppTest]
) -> None:
    challenger = recorded("challenger") | {"agreement": None, "difference": None, "log_loss": 0.25}
    backend.replace("GET", "/models/crime-category/challenger", challenger | {"champion_log_loss": 0.5})
    view = open_versions()
    assert [metric.value for metric in view.metric][2:] == ["none yet", "none yet"]
    assert "Log loss, now that crime codes are known: 0.250, the champion's 0.500." in [
        markdown.value for markdown in view.markdown
    ]


def test_a_promotion_is_signed_and_the_page_shows_the_new_champion_at_once(
    backend: RecordedBackend, open_versions: Callable[..., AppTest]
) -> None:
    view = open_versions()
    assert view.selectbox[0].options == ["3", "1"]  # the champion can't become what it is
    sign(view, "promote")
    view.checkbox(key="promote_force").check()
    model = recorded("model_category")
    for version, aliases in zip(model["versions"], (["champion"], ["previous"], []), strict=True):
        version["aliases"] = aliases
    backend.replace("GET", "/models/crime-category", model)
    button(view, "Make it champion").click().run()
    (request,) = backend.received("POST", PROMOTE)
    assert request.body == {"version": "3", "by": "ana", "reason": "to see it", "force": True}
    assert request.headers["authorization"] == "Bearer secret"
    assert "Version 3 is champion." in [success.value for success in view.success]
    assert list(view.dataframe[0].value["Now"]) == ["champion", "champion before", ""]
    gates = recorded("promote_forced")["gates"]
    assert f":material/close: log loss: {gates[0]['reason']}" in [markdown.value for markdown in view.markdown]
    view.run()
    assert "Version 3 is champion." not in [success.value for success in view.success]


@pytest.mark.parametrize(("form", "label"), [("promote", "Make it champion"), ("rollback", "Make it champion again")])
@pytest.mark.parametrize(
    ("by", "reason", "message"),
    [
        ("", "to see it", "Who decides? The name is recorded with the decision."),
        ("  ", "to see it", "Who decides? The name is recorded with the decision."),
        ("ana", "", "Why? The reason is recorded with the decision."),
        ("ana", " x ", "Why? The reason is recorded with the decision."),
    ],
)
def test_nobody_decides_without_a_name_and_a_reason(
    form: str,
    label: str,
    by: str,
    reason: str,
    message: str,
    backend: RecordedBackend,
    open_versions: Callable[..., AppTest],
) -> None:
    view = open_versions()
    sign(view, form, by, reason)
    button(view, label).click().run()
    assert [error.value for error in view.error] == [message]
    assert not [request for request in backend.requests if request.method == "POST"]


def test_a_refused_promotion(backend: RecordedBackend, open_versions: Callable[..., AppTest]) -> None:
    backend.replace("POST", PROMOTE, recorded("gates_failed"), 409)
    view = open_versions()
    sign(view, "promote")
    button(view, "Make it champion").click().run()
    assert view.error[0].value == recorded("gates_failed")["detail"]
    assert "Version 3 is champion." not in [success.value for success in view.success]


def test_rollback(backend: RecordedBackend, open_versions: Callable[..., AppTest]) -> None:
    view = open_versions()
    assert any(markdown.value == "Version 1 was champion before." for markdown in view.markdown)
    sign(view, "rollback", reason="as it was")
    button(view, "Make it champion again").click().run()
    (request,) = backend.received("POST", ROLLBACK)
    assert request.body == {"by": "ana", "reason": "as it was"}
    assert "Version 2 is champion again." in [success.value for success in view.success]


def test_without_a_token_there_is_no_form(backend: RecordedBackend, open_versions: Callable[..., AppTest]) -> None:
    backend.replace("GET", "/models/crime-category", recorded("model_category") | {"promotion_on": False})
    view = open_versions()
    assert view.info[0].value.startswith("**Promotion is off here:** the backend has no token.")
    assert not view.text_input
    assert not view.checkbox
    assert list(view.dataframe[0].value["Version"]) == ["3", "2", "1"]


def test_without_another_version_nothing_can_be_decided(
    backend: RecordedBackend, open_versions: Callable[..., AppTest]
) -> None:
    model = recorded("model_category")
    model["versions"] = [version for version in model["versions"] if "champion" in version["aliases"]]
    backend.replace("GET", "/models/crime-category", model)
    view = open_versions()
    assert [button(view, label).disabled for label in ("Make it champion", "Make it champion again")] == [True, True]
    assert any(markdown.value == "No other version was champion before." for markdown in view.markdown)


def test_decisions(backend: RecordedBackend, open_versions: Callable[..., AppTest]) -> None:
    view = open_versions()
    assert "5 decisions" in [subheader.value for subheader in view.subheader]
    table = view.dataframe[-1].value
    assert list(table["What"]) == ["rolled back to", "promoted", "made challenger", "promoted", "promoted"]
    assert list(table["Why"])[:2] == ["", "to see it"]
    assert str(table["At (UTC)"][0]).startswith(recorded("audit")[0]["at"][:10])


def test_what_became_of_decisions(backend: RecordedBackend, open_versions: Callable[..., AppTest]) -> None:
    entries = recorded("audit")
    entries[0] |= {"outcome": "failed", "problem": "[click](https://example.org)"}
    entries[1] |= {"outcome": "not known", "problem": "interrupted, or still at work; now champion is 2"}
    for key in ("outcome", "problem"):  # a backend of the release before
        del entries[3][key]
    backend.replace("GET", "/audit", entries, Unreadable_Entries="2")
    view = open_versions()
    assert list(view.dataframe[-1].value["Outcome"]) == [
        "failed: [click](https://example.org)",
        "not known: interrupted, or still at work",
        "done",
        "not recorded",
        "not recorded",
    ]
    told = "2 entries of the record can't be read and are left out: the backend's log names them."
    assert view.warning[-1].value == told


def test_a_decision_whose_record_is_not_complete(
    backend: RecordedBackend, open_versions: Callable[..., AppTest]
) -> None:
    warning = "the outcome could not be recorded: ![x](https://example.org/t.png)"
    backend.replace("POST", "/models/crime-category/promote", recorded("promote_forced") | {"warning": warning})
    view = open_versions()
    view.text_input(key="promote_by").input("ana")
    view.text_input(key="promote_reason").input("to see it")
    button(view, "Make it champion").click()
    view.run()
    assert view.warning[-1].value == "It is carried out, but its record is not complete:"
    assert [text.value for text in view.text] == [warning]


def test_decisions_while_the_registry_is_down(backend: RecordedBackend, open_versions: Callable[..., AppTest]) -> None:
    backend.replace("GET", "/audit", {"detail": "the registry can't be reached"}, 503)
    view = open_versions()
    assert view.caption[-1].value == "The record of decisions can't be read while the registry does not answer."
