"""Each event is told once: not twice, and not lost where a post fails."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core import days
from crime.core.errors import RegistryError, WebhookError
from crime.core.settings import Settings
from crime.monitoring.prediction_log import PredictionLog
from crime.monitoring.records import PredictionRecord
from crime.pipelines.watch import TOLD_FILE, Watched, watch
from crime.reports.table import Reports
from memory_registry import MemoryRegistry
from webhook import Webhook, webhook

NAME = "crime-category"
IS_CHAMPION = f"{NAME} version {{}} is champion"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as hook:
        yield hook


@pytest.fixture
def registry(small_bundle: CategoryBundle, monkeypatch: pytest.MonkeyPatch) -> MemoryRegistry:
    """Version 1 is champion, and its reports are as fresh as they can be."""
    registry = MemoryRegistry()
    registry.register(NAME, small_bundle.directory, "champion")
    monkeypatch.setattr("crime.pipelines.watch.open_registry", lambda settings: registry)
    set_age(monkeypatch, small_bundle, 0)
    return registry


def set_age(monkeypatch: pytest.MonkeyPatch, bundle: CategoryBundle, age: int) -> None:
    """Make today so many days after the newest report of the bundle."""
    until = days.day_number(bundle.spec.data.until)
    monkeypatch.setattr("crime.reports.freshness.today", lambda: until + age)


def look(hook: Webhook) -> list[str]:
    """What is told now, line by line."""
    hook.texts.clear()
    watch(Settings(), hook.address)
    return "\n".join(hook.texts).splitlines()


def record(registry: MemoryRegistry, bundle: CategoryBundle, reports: Reports, drifting: bool) -> None:
    """400 predictions in the log: of one and the same report, or of as many of training's."""
    registry.remove("monitoring/predictions")
    step = 0 if drifting else len(reports) // 400
    rows = [{name: column[number * step] for name, column in reports.fields.items()} for number in range(400)]
    PredictionLog(registry).append(
        [PredictionRecord(registry.time(), "1", bundle.predict_one(row), "", row) for row in rows]
    )


def test_a_new_champion_is_told_once_whatever_made_it(
    hook: Webhook, registry: MemoryRegistry, small_bundle: CategoryBundle
) -> None:
    assert look(hook) == [IS_CHAMPION.format(1)]
    assert look(hook) == []
    registry.register(NAME, small_bundle.directory, "champion")
    assert look(hook) == [IS_CHAMPION.format(2)]
    assert look(hook) == []
    registry.set_alias(NAME, "champion", "1")  # rolled back
    assert look(hook) == [IS_CHAMPION.format(1)]
    assert look(hook) == []


def test_drift_is_told_once_and_again_when_it_comes_back(
    hook: Webhook, registry: MemoryRegistry, small_bundle: CategoryBundle, small_reports: Reports
) -> None:
    record(registry, small_bundle, small_reports, drifting=False)
    assert look(hook) == [IS_CHAMPION.format(1)]
    for _ in range(2):
        record(registry, small_bundle, small_reports, drifting=True)
        (text,) = look(hook)
        assert text.startswith(f"the latest 400 reports are not like those that {NAME} version 1 learned from: ")
        assert "area (PSI " in text
        assert look(hook) == []
        record(registry, small_bundle, small_reports, drifting=False)
        assert look(hook) == []


def test_stale_data_are_told_once_until_there_are_newer_ones(
    hook: Webhook, registry: MemoryRegistry, small_bundle: CategoryBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_age(monkeypatch, small_bundle, 45)
    assert look(hook) == [IS_CHAMPION.format(1)]
    set_age(monkeypatch, small_bundle, 46)
    until = small_bundle.spec.data.until
    assert look(hook) == [f"{NAME} version 1 was made from reports up to {until}, 46 days ago: time to retrain"]
    set_age(monkeypatch, small_bundle, 60)
    assert look(hook) == []


def test_what_could_not_be_posted_is_told_the_next_time(hook: Webhook, registry: MemoryRegistry) -> None:
    for status in (500, 302):
        hook.status = status
        with pytest.raises(WebhookError):
            look(hook)
    hook.status = 200
    assert look(hook) == [IS_CHAMPION.format(1)]
    assert look(hook) == []


def test_what_ended_while_the_webhook_was_down_is_told_when_it_comes_back(
    hook: Webhook, registry: MemoryRegistry, small_bundle: CategoryBundle, small_reports: Reports
) -> None:
    record(registry, small_bundle, small_reports, drifting=True)
    assert len(look(hook)) == 2
    record(registry, small_bundle, small_reports, drifting=False)
    registry.register(NAME, small_bundle.directory, "champion")
    hook.status = 503
    with pytest.raises(WebhookError):
        look(hook)
    hook.status = 200
    record(registry, small_bundle, small_reports, drifting=True)
    registry.set_alias(NAME, "champion", "1")  # of which drift was told before
    (text,) = look(hook)
    assert "are not like those" in text


def test_a_store_that_can_not_be_written_has_nothing_told(
    hook: Webhook, registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the same would be told every time."""

    def full(path: str, content: bytes) -> None:
        raise RegistryError("the store is full")

    with monkeypatch.context() as patch:
        patch.setattr(registry, "save", full)
        with pytest.raises(RegistryError):
            look(hook)
    assert hook.texts == []
    assert look(hook) == [IS_CHAMPION.format(1)]


def test_a_registry_that_is_gone_changes_nothing(hook: Webhook, registry: MemoryRegistry) -> None:
    look(hook)
    registry.reachable = False
    with pytest.raises(RegistryError):
        look(hook)
    registry.reachable = True
    assert look(hook) == []


def test_a_champion_that_can_not_be_read_is_told_of_nonetheless(
    hook: Webhook, registry: MemoryRegistry, small_bundle: CategoryBundle, small_reports: Reports, tmp_path: Path
) -> None:
    record(registry, small_bundle, small_reports, drifting=True)
    assert len(look(hook)) == 2
    registry.register(NAME, tmp_path, "champion")
    watched: Watched = watch(Settings(), hook.address)
    assert watched.told == [IS_CHAMPION.format(2)]
    (problem,) = watched.problems
    assert problem.startswith(f"{NAME} version 2: ")
    registry.set_alias(NAME, "champion", "1")
    assert look(hook) == [IS_CHAMPION.format(1)]  # the drift, which lasted, was told before


@pytest.mark.parametrize("content", [b"", b"[]", b'{"champion of crime-category": 1}', b"\xff", b'{"a": '])
def test_a_damaged_note_of_what_was_told_has_all_told_again(
    content: bytes, hook: Webhook, registry: MemoryRegistry
) -> None:
    look(hook)
    registry.contents[TOLD_FILE] = content
    watched = watch(Settings(), hook.address)
    assert watched.told == [IS_CHAMPION.format(1)]
    assert TOLD_FILE in watched.problems[0]
    assert json.loads(registry.contents[TOLD_FILE]) == {f"champion of {NAME}": "1"}
    assert look(hook) == []
