"""The record of decisions over HTTP: outcomes, and what can't be read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.errors import RegistryError
from crime.registry.audit import record_intent
from memory_registry import MemoryRegistry
from starlette.testclient import TestClient
from structlog.testing import capture_logs

NAME = "crime-category"
TOKEN = "a-token-of-this-test"
SIGNED = {"by": "an analyst", "reason": "to try it"}


@pytest.fixture
def client(
    start_app: Callable[..., TestClient], registry: MemoryRegistry, small_bundle: CategoryBundle, tmp_path: Path
) -> TestClient:
    """An application whose registry has two versions, the first champion."""
    registry.register(NAME, small_bundle.directory, "champion")
    registry.register(NAME, small_bundle.directory)
    (tmp_path / "token").write_text(TOKEN)
    return start_app(token_file=tmp_path / "token")


def call(client: TestClient, path: str, body: object) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer: httpx2.Response = client.post(f"/models/{NAME}/{path}", json=body, headers=headers)
    return answer


class FailingRegistry(MemoryRegistry):
    """While `failing` is set, writes of aliases or of outcomes fail."""

    failing = ""

    def set_alias(self, name: str, alias: str, version: str) -> None:
        if self.failing == "lost answers":
            super().set_alias(name, alias, version)
        if self.failing in ("aliases", "lost answers") and alias == "champion":
            raise RegistryError("the store refused")
        super().set_alias(name, alias, version)

    def save(self, path: str, content: bytes) -> None:
        if self.failing == "outcomes" and "outcomes" in path:
            raise RegistryError("the disk is full")
        super().save(path, content)


class TestOutcomes:
    """What became of each decision stands in the record."""

    @pytest.fixture
    def registry(self) -> FailingRegistry:
        return FailingRegistry()

    def test_done(self, client: TestClient) -> None:
        call(client, "promote", {"version": "2", **SIGNED, "force": True})
        call(client, "rollback", SIGNED)
        call(client, "challenger", {"version": "2", **SIGNED})
        client.delete(f"/models/{NAME}/challenger", headers={"Authorization": f"Bearer {TOKEN}"}, params=SIGNED)
        acts = client.get("/audit").json()
        assert [(act["what"], act["outcome"], act["problem"]) for act in acts] == [
            (what, "done", None) for what in ("withdraw", "challenge", "rollback", "promote")
        ]

    def test_failed_with_the_reason(self, client: TestClient, registry: FailingRegistry) -> None:
        registry.failing = "aliases"
        answer = call(client, "promote", {"version": "2", **SIGNED, "force": True})
        assert (answer.status_code, answer.json()["detail"]) == (503, "the store refused")
        (act,) = client.get("/audit").json()
        assert (act["outcome"], act["problem"]) == ("failed", "the store refused")
        assert registry.aliases[NAME]["champion"] == "1"

    def test_it_happened_in_spite_of_an_error(self, client: TestClient, registry: FailingRegistry) -> None:
        registry.failing = "lost answers"
        answer = call(client, "promote", {"version": "2", **SIGNED, "force": True})
        assert answer.status_code == 200
        assert answer.json()["warning"] == "done, but the store refused"
        (act,) = client.get("/audit").json()
        assert (act["outcome"], act["problem"]) == ("done", "the store refused")

    def test_an_outcome_that_can_not_be_written_is_told(self, client: TestClient, registry: FailingRegistry) -> None:
        registry.failing = "outcomes"
        with capture_logs() as lines:
            answer = call(client, "promote", {"version": "2", **SIGNED, "force": True})
        told = "the outcome could not be recorded: the disk is full"
        assert (answer.status_code, answer.json()["warning"]) == (200, told)
        assert told in str(lines)
        assert call(client, "challenger", {"version": "1", **SIGNED}).json()["warning"] == told
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = client.delete(f"/models/{NAME}/challenger", headers=headers, params=SIGNED)
        assert (answer.status_code, answer.json()) == (200, {"warning": told})
        newest, *_ = client.get("/audit").json()
        assert newest["outcome"] == "not known"
        assert "champion is 2" in newest["problem"]
        assert registry.aliases[NAME] == {"champion": "2", "previous": "1"}

    def test_a_version_that_is_deleted_meanwhile(
        self, client: TestClient, registry: FailingRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("crime.registry.promotion.record_intent", deleting(registry))
        answer = call(client, "promote", {"version": "2", **SIGNED, "force": True})
        assert answer.status_code == 404, answer.text
        (act,) = client.get("/audit").json()
        assert act["outcome"] == "failed"
        assert "version 2" in act["problem"]


def deleting(registry: MemoryRegistry) -> Callable[..., str]:
    """`record_intent`, and somebody deletes version 2 just then."""

    def record(*arguments: Any) -> str:
        registry.deleted.add((NAME, "2"))
        return record_intent(*arguments)

    return record


EARLIER: dict[str, Any] = {
    "at": "2026-01-01T00:00:00.5+00:00",
    "what": "promote",
    "model": NAME,
    "version": "1",
    "by": "a",
    "why": None,
}
UNREADABLE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"[" * 100_000,
    b"{}",
    b"\xff\xfe",
    b" " * 100_000,
    json.dumps({"at": "2026", "what": "promote", "model": NAME, "version": "1", "by": "a"}).encode(),
    json.dumps({"at": "2026-01-01T00:00:00+00:00", "what": "adopt", "model": NAME, "version": "1", "by": "a"}).encode(),
    json.dumps(
        {"at": "2026-01-01T00:00:00+00:00", "what": "promote", "model": NAME, "version": [], "by": "a"}
    ).encode(),
    b'{"at": "2026-01-01T00:00:00+00:00", "what": "promote", "model": "m", "version": "1", "by": "\\ud800"}',
]


@pytest.mark.parametrize("folder", ["monitoring/audit", "monitoring/audit-outcomes"])
def test_entries_that_can_not_be_read_are_left_out_and_told(
    folder: str, client: TestClient, registry: MemoryRegistry
) -> None:
    call(client, "promote", {"version": "2", **SIGNED, "force": True})
    whole = client.get("/audit")
    assert "unreadable-entries" not in whole.headers
    for number, content in enumerate(UNREADABLE):
        registry.contents[f"{folder}/2026-01-01T000000.000000-{number:08x}.json"] = content
    with capture_logs() as lines:
        answer = client.get("/audit")
    assert answer.json() == whole.json()
    assert answer.headers["unreadable-entries"] == str(len(UNREADABLE))
    assert "can't be read" in str(lines)


def test_decisions_of_earlier_releases_are_read(client: TestClient, registry: MemoryRegistry) -> None:
    entry = {
        "at": "2026-01-01T00:00:00.5+00:00",
        "what": "promote",
        "model": NAME,
        "version": "1",
        "by": "a",
        "why": None,
    }
    registry.contents["monitoring/audit/2026-01-01T000000.500000-0badcafe.json"] = json.dumps(entry).encode()
    (act,) = client.get("/audit").json()
    assert act == entry | {"outcome": "not recorded", "problem": None}
