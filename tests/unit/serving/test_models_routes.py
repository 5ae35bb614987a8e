"""Routes of model management: what they show, who may change something, and which errors become which codes."""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest
from crime.classifier.bundle import CategoryBundle
from memory_registry import MemoryRegistry
from starlette.testclient import TestClient
from structlog.testing import capture_logs

NAME = "crime-category"
TOKEN = "a-token-of-this-test"
StartApp = Callable[..., TestClient]
SIGNED = {"by": "an analyst", "reason": "to try it"}
NO_VERSIONS = (" 2", "+2", "-2", "2.0", 2.0, "٢", "²", "2e0", "0", "", "9" * 10, "9" * 400, "2\n", True, "2_0", "0x2")
WRITES = [
    ("POST", f"/models/{NAME}/promote", {"version": "1", **SIGNED}),
    ("POST", f"/models/{NAME}/rollback", SIGNED),
    ("POST", f"/models/{NAME}/challenger", {"version": "1", **SIGNED}),
    ("DELETE", f"/models/{NAME}/challenger?{urlencode(SIGNED)}", None),
]


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """As a Secret is mounted."""
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture
def client(start_app: StartApp, registry: MemoryRegistry, small_bundle: CategoryBundle, token_file: Path) -> TestClient:
    """An application whose registry has two versions, the first champion."""
    registry.register(NAME, small_bundle.directory, "champion")
    registry.register(NAME, small_bundle.directory)
    return start_app(token_file=token_file)


def call(client: TestClient, path: str, body: object = None, token: str | None = TOKEN) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer: httpx2.Response = client.post(f"/models/{NAME}/{path}", json=body, headers=headers)
    return answer


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize("token", [None, "wrong", TOKEN[:-1], f"{TOKEN}!", ""])
def test_only_the_token_writes(
    token: str | None, method: str, path: str, body: object, client: TestClient, registry: MemoryRegistry
) -> None:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    answer = client.request(method, path, json=body, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert registry.aliases[NAME] == {"champion": "1"}
    assert registry.contents == {}


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize("file", [None, "missing", "empty"])
def test_without_a_token_writing_is_off(
    file: str | None, method: str, path: str, body: object, start_app: StartApp, tmp_path: Path
) -> None:
    (tmp_path / "empty").write_text("\n")
    settings = {} if file is None else {"token_file": tmp_path / file}
    client = start_app(**settings)
    answer = client.request(method, path, json=body, headers={"Authorization": "Bearer x"})
    assert answer.status_code == 403
    assert "no token is configured" in answer.json()["detail"]
    for headers in ({}, {"Authorization": "Bearer "}):
        answer = client.request(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_token_is_changed_without_a_restart(client: TestClient, token_file: Path) -> None:
    token_file.write_text("another")
    assert call(client, "promote", {"version": "77", **SIGNED}).status_code == 401
    assert call(client, "promote", {"version": "77", **SIGNED}, "another").status_code == 404


def test_no_answer_contains_the_token(client: TestClient) -> None:
    texts = []
    with capture_logs() as lines:
        for sent in (TOKEN, f"{TOKEN}!", TOKEN[:-1]):
            for path, body in (("promote", {"version": "99", **SIGNED}), ("rollback", SIGNED)):
                answer = call(client, path, body, sent)
                assert answer.status_code in (401, 404, 503)
                texts += [answer.text, str(answer.headers)]
    texts += [client.get(path).text for path in ("/metrics", "/ready", "/models", "/audit", "/pod")]
    assert not [text for text in [*texts, str(lines)] if TOKEN in text]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("promote", {"version": "77", **SIGNED}, 404),
        ("promote", {"version": "latest", **SIGNED}, 422),
        ("promote", {"version": "2", "force": "a reason", **SIGNED}, 422),
        ("promote", {"version": "2"}, 422),
        ("promote", {"version": "2", "by": "an analyst"}, 422),
        ("promote", {"version": "2", "by": " ", "reason": "to try it"}, 422),
        ("promote", {"version": "2", "by": "an analyst", "reason": "  x "}, 422),
        ("rollback", {"reason": "to try it"}, 422),
        ("rollback", SIGNED, 404),  # there is no previous champion
        ("challenger", {"version": "77", **SIGNED}, 404),
        ("challenger", {"version": "2", "canary": 1.5, **SIGNED}, 422),
        ("challenger", {"version": "2"}, 422),
        ("challenger", {"version": "1", **SIGNED}, 409),  # the champion
        ("challenger", {"version": "01", **SIGNED}, 409),
        *[
            (path, {"version": version, **SIGNED}, 422)
            for path in ("promote", "challenger")
            for version in (
                " 2",
                "+2",
                "-2",
                "2.0",
                2.0,
                "٢",
                "²",
                "2e0",
                "0",
                "",
                "9" * 10,
                "9" * 400,
                "2\n",
                True,
                "2_0",
            )
        ],
    ],
)
def test_what_can_not_be_done_changes_nothing(
    path: str, body: object, status: int, client: TestClient, registry: MemoryRegistry
) -> None:
    answer = call(client, path, body)
    assert answer.status_code == status, answer.text
    detail = answer.json()["detail"]
    assert detail
    if isinstance(body, dict) and body.get("version") in NO_VERSIONS:
        assert [problem["field"] for problem in detail] == ["version"]
    assert registry.aliases[NAME] == {"champion": "1"}
    assert client.get("/audit").json() == []


def test_a_promotion_is_a_recorded_decision_and_taken_up_at_once(client: TestClient, registry: MemoryRegistry) -> None:
    answer = call(client, "promote", {"version": 2, **SIGNED, "force": True})
    assert answer.status_code == 200, answer.text
    gates = {gate["name"]: gate for gate in answer.json()["gates"]}
    assert gates.keys() == {"log_loss", "area", "calibration", "latency", "size"}
    assert client.get("/ready").json()["version"] == "2"
    assert registry.aliases[NAME] == {"champion": "2", "previous": "1"}
    newest, *_ = client.get(f"/models/{NAME}").json()["versions"]
    assert (newest["version"], newest["aliases"]) == ("2", ["champion"])
    assert {gate["name"]: gate for gate in newest["gates"]} == gates
    assert newest["tags"]["promoted_by"] == "an analyst"
    assert call(client, "rollback", SIGNED).json() == {"name": NAME, "version": "1", "gates": []}
    assert client.get("/ready").json()["version"] == "1"
    decisions = client.get("/audit").json()
    assert [(act["what"], act["version"], act["by"], act["why"]) for act in decisions] == [
        ("rollback", "1", "an analyst", "to try it"),
        ("promote", "2", "an analyst", "to try it"),
    ]


def test_the_champion_is_not_promoted_over_itself(client: TestClient, registry: MemoryRegistry) -> None:
    """However its number is written: the champion before stays, and nothing is recorded that did not happen."""
    call(client, "promote", {"version": "02", **SIGNED, "force": True})
    assert registry.aliases[NAME] == {"champion": "2", "previous": "1"}
    tags, contents = dict(registry.version_tags[NAME, "2"]), dict(registry.contents)
    for version in ("2", "02", 2):
        answer = call(client, "promote", {"version": version, **SIGNED, "force": True})
        assert answer.status_code == 200
        assert answer.json()["gates"][0]["reason"] == "version 2 is champion already"
    assert registry.aliases[NAME] == {"champion": "2", "previous": "1"}
    assert registry.version_tags[NAME, "2"] == tags
    assert registry.contents == contents
    assert call(client, "rollback", SIGNED).json()["version"] == "1"


@pytest.mark.parametrize("alias", ["champion", "previous", "challenger", None])
def test_a_version_that_is_gone_is_gone(alias: str | None, client: TestClient, registry: MemoryRegistry) -> None:
    if alias:
        registry.aliases[NAME][alias] = "2"
    registry.deleted.add((NAME, "2"))
    (model,) = client.get("/models").json()["models"]
    assert model["latest_version"] == "1"
    assert "2" not in model["aliases"].values()
    assert [version["version"] for version in client.get(f"/models/{NAME}").json()["versions"]] == ["1"]
    for path in ("promote", "challenger"):
        answer = call(
            client, path, {"version": "2", **SIGNED, "force": True} if path == "promote" else {"version": "2", **SIGNED}
        )
        assert answer.status_code == 404, answer.text
    assert call(client, "rollback", SIGNED).status_code == 404
    assert client.get(f"/models/{NAME}/evaluation", params={"version": "2"}).status_code == 404
    assert client.get("/audit").json() == []


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"\n", b"x" * 100_000, b"\xc3\x28" * 10])
def test_a_token_file_of_anything_is_no_token(content: bytes, client: TestClient, token_file: Path) -> None:
    token_file.write_bytes(content)
    for sent in (TOKEN, "x" * 100_000, "\xff"):
        headers = httpx2.Headers({"Authorization": f"Bearer {sent}"}, encoding="latin-1")
        answer = client.post(f"/models/{NAME}/rollback", json=SIGNED, headers=headers)
        assert answer.status_code in (401, 403)
    assert client.get(f"/models/{NAME}").json()["promotion_on"] is False


def test_a_token_that_is_a_pipe_does_not_block(client: TestClient, token_file: Path) -> None:
    token_file.unlink()
    os.mkfifo(token_file)
    assert call(client, "rollback", SIGNED).status_code == 403


def test_gates_that_failed_are_shown_with_their_version(client: TestClient, registry: MemoryRegistry) -> None:
    registry.set_tags(NAME, "2", {"gate.log_loss": "failed: log loss 0.3: worse", "gate.size": "passed: 1 MB"})
    newest, oldest = client.get(f"/models/{NAME}").json()["versions"]
    assert newest["gates"] == [
        {"name": "log_loss", "passed": False, "reason": "log loss 0.3: worse"},
        {"name": "size", "passed": True, "reason": "1 MB"},
    ]
    assert oldest["gates"] == []


def test_a_version_that_can_not_be_used_is_a_conflict(
    client: TestClient, registry: MemoryRegistry, tmp_path: Path
) -> None:
    registry.register(NAME, tmp_path / "nothing")
    assert call(client, "promote", SIGNED).status_code == 409  # the latest
    assert call(client, "challenger", {"version": "3", **SIGNED}).status_code == 409
    assert registry.aliases[NAME] == {"champion": "1"}


def test_a_challenger_comes_and_goes(client: TestClient, registry: MemoryRegistry) -> None:
    path = f"/models/{NAME}/challenger"
    assert client.get(path).status_code == 404
    answer = call(client, "challenger", {"version": 2, "canary": 0.5, **SIGNED})
    assert answer.json() == {"version": "2", "canary": 0.5, **SIGNED}
    comparison = client.get(path).json()
    assert (comparison["version"], comparison["canary"], comparison["answered"]) == ("2", 0.5, 0)
    assert comparison["log_loss"] is None
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert client.delete(path, headers=headers).status_code == 422  # nobody signed
    assert client.delete(path, headers=headers, params=SIGNED).status_code == 204
    assert client.get(path).status_code == 404
    assert client.delete(path, headers=headers, params=SIGNED).status_code == 404
    assert [(act["what"], act["why"]) for act in client.get("/audit").json()] == [
        ("withdraw", "to try it"),
        ("challenge", "canary 0.5: to try it"),
    ]


def test_a_registry_that_can_not_be_reached(client: TestClient, registry: MemoryRegistry) -> None:
    registry.reachable = False
    models = client.get("/models").json()
    assert models["source"] == "bundle"
    assert [(model["name"], model["latest_version"]) for model in models["models"]] == [(NAME, "1")]
    model = client.get(f"/models/{NAME}").json()
    assert (model["source"], len(model["versions"])) == ("bundle", 1)
    assert model["versions"][0]["metrics"]["overall"]["accuracy"] > 0.5
    assert client.get("/audit").status_code == 503
    assert call(client, "rollback", SIGNED).status_code == 503
    assert call(client, "promote", {"version": "2", **SIGNED}).status_code == 503


def test_models_and_the_details_of_the_one_that_answers(client: TestClient, small_bundle: CategoryBundle) -> None:
    assert client.get("/models").json() == {
        "source": "mlflow",
        "models": [{"name": NAME, "description": "", "latest_version": "2", "aliases": {"champion": "1"}}],
    }
    model = client.get(f"/models/{NAME}").json()
    assert [version["version"] for version in model["versions"]] == ["2", "1"]
    assert model["serving"]["version"] == "1"
    assert model["serving"]["metrics"] == small_bundle.spec.metrics
    assert client.get("/models/other").status_code == 404


def test_whether_promotion_is_on_is_told(client: TestClient, token_file: Path) -> None:
    assert client.get(f"/models/{NAME}").json()["promotion_on"] is True
    token_file.write_text("\n")
    assert client.get(f"/models/{NAME}").json()["promotion_on"] is False


def test_versions_are_evaluated_on_the_same_reports(
    client: TestClient, registry: MemoryRegistry, small_bundle: CategoryBundle
) -> None:
    path = f"/models/{NAME}/evaluation"
    alone = client.get(path).json()
    assert [scores["version"] for scores in alone["versions"]] == ["1"]
    assert alone["reports"] == len(small_bundle.held_out)
    both = client.get(path, params={"version": ["2", "1"]}).json()
    assert [scores["version"] for scores in both["versions"]] == ["2", "1"]
    assert both["versions"][0]["levels"] == both["versions"][1]["levels"] == alone["versions"][0]["levels"]
    level = alone["versions"][0]["levels"]["report"]
    assert sum(category["right"] for category in level["categories"]) == sum(area["right"] for area in level["areas"])
    assert client.get(path, params={"version": "77"}).status_code == 404
    assert client.get(path, params={"version": "latest"}).status_code == 422
    registry.reachable = False
    assert client.get(path).json() == alone  # of the bundle that answers


def test_a_version_that_can_not_be_read_is_not_evaluated(
    client: TestClient, registry: MemoryRegistry, tmp_path: Path
) -> None:
    registry.register(NAME, tmp_path / "nothing")
    answer = client.get(f"/models/{NAME}/evaluation", params={"version": "3"})
    assert answer.status_code == 409
    assert "can't be read" in answer.json()["detail"]


def test_without_a_model_there_is_nothing_to_evaluate(start_app: StartApp) -> None:
    answer = start_app().get(f"/models/{NAME}/evaluation")
    assert answer.status_code == 503
    assert "no model to evaluate" in answer.json()["detail"]


def test_without_any_model_there_is_nothing_to_show(start_app: StartApp, registry: MemoryRegistry) -> None:
    client = start_app()
    assert client.get("/models").json() == {"source": "bundle", "models": []}
    registry.reachable = False
    assert client.get("/models").status_code == 503
    assert client.get(f"/models/{NAME}").status_code == 404
