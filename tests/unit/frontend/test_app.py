"""What surrounds every view: outages, the warning about simulated data, how new reports are, the release."""

import pytest
from recorded import RecordedBackend, recorded
from streamlit.testing.v1 import AppTest


def captions(app: AppTest) -> list[str]:
    return [caption.value for caption in app.caption]


def test_an_outage_is_a_message_and_the_page_comes_back_with_what_was_entered(
    backend: RecordedBackend, app: AppTest
) -> None:
    app.run()
    app.selectbox(key="area").select("Hollywood")
    backend.failures = 1_000
    app.run()
    assert not app.exception
    assert app.error[0].value.startswith("**The prediction service can't be reached.** What you entered is kept.")
    assert "tries again every two seconds. (Server disconnected" in captions(app)[-1]
    backend.failures = 0
    app.button[0].click().run()
    assert not app.error
    assert app.selectbox(key="area").value == "Hollywood"
    assert app.subheader[1].value == "A year of weeks: Hollywood, all reports"


def test_a_backend_without_a_model_is_an_outage(backend: RecordedBackend, app: AppTest) -> None:
    backend.replace("GET", "/models/crime-category", recorded("model_none"), 404)
    backend.replace("GET", "/ready", recorded("ready_no_model"), 503)
    app.run()
    assert not app.exception
    assert "can't be reached" in app.error[0].value
    assert "no model 'crime-category'" in captions(app)[-1]


def test_a_model_of_simulated_reports_is_marked(backend: RecordedBackend, app: AppTest) -> None:
    model = recorded("model_category")
    model["serving"]["data"]["simulated"] = 1
    backend.replace("GET", "/models/crime-category", model)
    app.run()
    assert app.warning[0].value.startswith("**Simulated.** The model that answers was trained on a simulated city")


def test_the_release_is_below_the_view(backend: RecordedBackend, app: AppTest) -> None:
    app.run()
    assert not app.warning
    age = "Newest report 26 February 2025, 637 days behind (usual: about 12)"
    assert captions(app)[-1] == f"{age} · Crime prediction {recorded('root')['version']}"


@pytest.mark.parametrize("lacking", ["data", "usual_days_behind", "days_behind", "all"])
def test_a_backend_that_does_not_tell_how_new_its_reports_are(
    lacking: str, backend: RecordedBackend, app: AppTest
) -> None:
    ready = {} if lacking == "all" else {name: value for name, value in recorded("ready").items() if name != lacking}
    if lacking == "days_behind":
        ready["data"]["crime-category"]["days_behind"] = None
    backend.replace("GET", "/ready", ready)
    app.run()
    assert not app.exception
    assert captions(app)[-1] == f"Crime prediction {recorded('root')['version']}"


def test_a_backend_that_does_not_tell_its_release(backend: RecordedBackend, app: AppTest) -> None:
    root = recorded("root")
    del root["version"]
    backend.replace("GET", "/", root)
    app.run()
    assert not app.exception
    assert not any("Crime prediction" in caption for caption in captions(app))
