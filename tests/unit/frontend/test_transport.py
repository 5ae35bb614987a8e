"""The client: what is sent again, what is not, and which error a page gets."""

import io
import json
from collections.abc import Callable

import pytest
from crime_ui.client import models, monitoring, predictions, reports, transport
from crime_ui.client.transport import BackendDown, Refused
from recorded import RecordedBackend, recorded

REPORT: dict[str, str | float] = {"DATE OCC": "2023-01-15", "TIME OCC": "1430", "AREA": "6"}


def test_a_broken_connection_is_tried_again_under_the_same_request_id(backend: RecordedBackend) -> None:
    backend.failures = transport.ATTEMPTS - 1
    assert predictions.explain(REPORT) == recorded("explain_three_fields")
    attempts = backend.received("POST", "/explain")
    assert len(attempts) == transport.ATTEMPTS
    assert len({request.headers["x-request-id"] for request in attempts}) == 1
    assert all(request.body == REPORT for request in attempts)


def test_after_the_last_attempt_the_backend_is_down(backend: RecordedBackend) -> None:
    backend.failures = 100
    with pytest.raises(BackendDown, match="disconnected"):
        predictions.explain(REPORT)
    assert len(backend.requests) == transport.ATTEMPTS


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_error_is_tried_again(backend: RecordedBackend, status: int) -> None:
    backend.replace("GET", "/codes", "<h1>no healthy pod</h1>", status, "text/html")
    with pytest.raises(BackendDown):
        reports.codes()
    assert len(backend.requests) == transport.ATTEMPTS


def test_an_unready_backend_tells_why(backend: RecordedBackend) -> None:
    backend.replace("POST", "/explain", {"detail": "too many requests at once"}, 503)
    with pytest.raises(BackendDown, match="too many requests at once"):
        predictions.explain(REPORT)


def test_a_table_is_whole_in_every_attempt(backend: RecordedBackend) -> None:
    backend.failures = 1
    table = recorded("table.csv").encode()
    scored, unread = predictions.score_table(io.BytesIO(table), "table.csv", b"".join)
    assert scored.decode() == recorded("table_scored.csv")
    assert unread == []
    first, second = backend.received("POST", "/predict/batch")
    assert table in first.body
    assert table in second.body


@pytest.mark.parametrize(
    "decide",
    [
        lambda: models.promote("crime-category", "3", "ana", "to see it", False, "secret"),
        lambda: models.rollback("crime-category", "ana", "to see it", "secret"),
    ],
)
def test_a_decision_is_never_sent_twice(backend: RecordedBackend, decide: Callable[[], object]) -> None:
    backend.failures = 1
    with pytest.raises(BackendDown):
        decide()
    assert len(backend.requests) == 1


def test_a_decision_carries_who_why_and_the_token(backend: RecordedBackend) -> None:
    models.promote("crime-category", "3", "ana", "to see it", True, "secret")
    models.rollback("crime-category", "ana", "as it was", "")
    (forced,) = backend.received("POST", "/models/crime-category/promote")
    assert forced.body == {"version": "3", "by": "ana", "reason": "to see it", "force": True}
    assert forced.headers["authorization"] == "Bearer secret"
    (back,) = backend.received("POST", "/models/crime-category/rollback")
    assert back.body == {"by": "ana", "reason": "as it was"}
    assert "authorization" not in back.headers


@pytest.mark.parametrize(
    ("status", "answer", "message"),
    [
        (401, "token_wrong", "expected the bearer token"),
        (409, "gates_failed", "not champion: log loss 0.2038"),
        (422, "explain_refused", "DATE OCC: expected a year from 1900 to 2100"),
    ],
)
def test_a_refusal_is_final_and_says_why(backend: RecordedBackend, status: int, answer: str, message: str) -> None:
    backend.replace("POST", "/explain", recorded(answer), status)
    with pytest.raises(Refused, match=message):
        predictions.explain(REPORT)
    assert len(backend.requests) == 1


def test_a_backend_without_a_challenger_and_without_a_registry(backend: RecordedBackend) -> None:
    assert models.challenger() is None
    backend.replace("GET", "/audit", {"detail": "the registry can't be reached"}, 503)
    assert models.decisions() is None


def test_a_backend_without_a_model_is_as_good_as_down(backend: RecordedBackend) -> None:
    backend.replace("GET", "/models/crime-category", recorded("model_none"), 404)
    with pytest.raises(BackendDown, match="no model"):
        models.category_model()


def test_ready(backend: RecordedBackend) -> None:
    assert monitoring.is_ready()
    backend.replace("GET", "/ready", recorded("ready_no_model"), 503)
    assert not monitoring.is_ready()
    backend.failures = 1
    assert not monitoring.is_ready()


def test_every_attempt_leaves_a_line_of_json(backend: RecordedBackend, capsys: pytest.CaptureFixture[str]) -> None:
    backend.failures = 1
    reports.codes()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["no answer", "request"]
    assert {line["path"] for line in lines} == {"/codes"}
    assert lines[1]["status"] == 200


def test_of_many_pods_those_that_answer_are_listed(backend: RecordedBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    assert monitoring.pods() == [recorded("pod")]
    monkeypatch.setenv("BACKEND_PODS", "localhost")
    monkeypatch.setattr(monitoring, "POD_PORT", int(backend.url.rsplit(":", 1)[1]))
    assert recorded("pod") in monitoring.pods()
    monkeypatch.setattr("crime_ui.client.tokens.forwarded", lambda: {"Authorization": "Bearer token"})
    assert len(monitoring.pods()) == 1
    assert backend.received("GET", "/pod")[-1].headers["authorization"] == "Bearer token"  # each pod asks for it, too
    monkeypatch.setattr(monitoring, "POD_PORT", 1)  # nothing listens there
    assert monitoring.pods() == []
