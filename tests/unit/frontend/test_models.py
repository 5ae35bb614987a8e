"""The page of all versions and of the decisions about them."""

from recorded import OpenView, RecordedBackend, recorded

PROMOTE, ROLLBACK = "/models/crime-category/promote", "/models/crime-category/rollback"


def test_every_version_with_its_figures_and_gates(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("models")
    table = view.dataframe[0].value
    assert not view.metric  # there is no challenger
    assert list(table["Version"]) == ["3", "2", "1"]
    assert list(table["Alias"]) == ["", "champion", "previous"]
    assert list(table["Gates"]) == ["failed: log_loss", "5 passed", "1 passed"]
    assert table["Why"][0].startswith("not champion: log loss 0.2038 against version 2's 0.2025")
    assert table["By"][1] == "training"
    assert table["Accuracy"][0] == recorded("model_category")["versions"][0]["metrics"]["overall"]["accuracy"]


def test_gates_are_read_from_the_list_and_not_from_texts(backend: RecordedBackend, open_view: OpenView) -> None:
    model = recorded("model_category")
    model["versions"][0]["tags"]["gate.log_loss"] = "passed: the word failed in its reason"
    model["versions"][0]["gates"] = [{"name": "log_loss", "passed": True, "reason": "none failed"}]
    del model["versions"][1]["gates"]  # as a backend of the release before answers
    backend.replace("GET", "/models/crime-category", model)
    table = open_view("models").dataframe[0].value
    assert list(table["Gates"]) == ["1 passed", "", "1 passed"]


def test_the_forecasts_versions(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("models", name="Forecast")
    table = view.dataframe[0].value
    metrics = recorded("model_risk")["versions"][0]["metrics"]
    assert table["Deviance by area"][0] == metrics["area.crime-risk"]["deviance"]
    assert "Challenger" not in [subheader.value for subheader in view.subheader]
    assert view.expander[0].label == "1 decision"


def test_a_model_that_was_never_trained(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("GET", "/models/crime-risk", recorded("model_unknown"), 404)
    view = open_view("models", name="Forecast")
    assert view.info[0].value == "no model 'nothing'. `crime train` and `crime forecast` make the first ones."
    assert not view.dataframe


def test_a_challenger_beside_the_champion(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("GET", "/models/crime-category/challenger", recorded("challenger"))
    view = open_view("models")
    assert [(metric.value, metric.delta) for metric in view.metric] == [
        ("3", ""),
        ("20%", "33 so far"),
        ("98.9%", "of 917"),
        ("1.6%", ""),
    ]
    assert not any("Log loss, now" in markdown.value for markdown in view.markdown)


def test_a_challenger_before_and_after_the_truth_is_known(backend: RecordedBackend, open_view: OpenView) -> None:
    challenger = recorded("challenger") | {"agreement": None, "difference": None, "log_loss": 0.25}
    backend.replace("GET", "/models/crime-category/challenger", challenger | {"champion_log_loss": 0.5})
    view = open_view("models")
    assert [metric.value for metric in view.metric][2:] == ["none yet", "none yet"]
    assert any(
        markdown.value == "Log loss, now that crime codes are known: 0.250, the champion's 0.500."
        for markdown in view.markdown
    )


def test_promotion_with_a_reason(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("models")
    assert view.selectbox[0].options == ["3", "1"]  # the champion can't become what it is
    view.text_input[0].input("ana")
    view.text_input[1].input("to see it")
    view.text_input[2].input("secret")
    view.checkbox[0].check()
    view.button[0].click().run()
    (request,) = backend.received("POST", PROMOTE)
    assert request.body == {"version": "3", "by": "ana", "reason": "to see it", "force": True}
    assert request.headers["authorization"] == "Bearer secret"
    assert view.success[0].value == "Version 3 is champion."
    gates = recorded("promote_forced")["gates"]
    shown = [markdown.value for markdown in view.markdown]
    assert f":material/close: {gates[0]['reason']}" in shown
    assert f":material/check: {gates[1]['reason']}" in shown


def test_a_refused_promotion(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("POST", PROMOTE, recorded("gates_failed"), 409)
    view = open_view("models")
    view.button[0].click().run()
    assert view.error[0].value == recorded("gates_failed")["detail"]
    assert not view.success


def test_rollback(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("models")
    assert any(markdown.value == "Version 1 was champion before." for markdown in view.markdown)
    view.text_input(key="rollback_by").input("ana")
    view.text_input(key="rollback_reason").input("as it was")
    view.text_input(key="rollback_token").input("secret")
    view.button[1].click().run()
    (request,) = backend.received("POST", ROLLBACK)
    assert request.body == {"by": "ana", "reason": "as it was"}
    assert view.success[0].value == "Version 2 is champion again."


def test_without_another_version_nothing_can_be_decided(backend: RecordedBackend, open_view: OpenView) -> None:
    model = recorded("model_category")
    model["versions"] = [version for version in model["versions"] if "champion" in version["aliases"]]
    backend.replace("GET", "/models/crime-category", model)
    view = open_view("models")
    assert [button.disabled for button in view.button] == [True, True]
    assert any(markdown.value == "No other version was champion before." for markdown in view.markdown)


def test_decisions(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("models")
    assert view.expander[0].label == "5 decisions"
    table = view.expander[0].dataframe[0].value
    assert list(table["What"]) == ["rollback", "promote", "challenge", "promote", "promote"]
    assert str(table["At (UTC)"][0]).startswith(recorded("audit")[0]["at"][:10])


def test_decisions_while_the_registry_is_down(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("GET", "/audit", {"detail": "the registry can't be reached"}, 503)
    view = open_view("models")
    assert view.caption[-1].value == "The record of decisions can't be read while the registry does not answer."
    assert not view.expander
