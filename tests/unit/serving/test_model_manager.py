"""The model manager follows the registry's champion and challenger, and trouble changes no answer."""

import asyncio
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from clock import Clock
from crime.classifier.bundle import CategoryBundle
from crime.core.errors import RegistryError
from crime.core.model_names import CHALLENGER_MODEL
from crime.core.settings import Settings
from crime.features.definitions import ReportFields
from crime.serving.model_manager import MAX_PAUSE_SECONDS, ModelManager
from memory_registry import MemoryRegistry
from structlog.testing import capture_logs

NAME = "crime-category"
FORECAST = "crime-risk"
AREA_ALONE: ReportFields = {"area": 1.0, "premis_cd": np.nan, "weapon_used_cd": np.nan, "mocodes": None}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("crime.serving.model_manager.time", clock)
    return clock


def versions(manager: ModelManager) -> dict[str, str]:
    return {name: model.version for name, model in manager.serving.items()}


def test_a_new_champion_replaces_the_one_before(
    manager: ModelManager, registry: MemoryRegistry, small_bundle: CategoryBundle, metric: Callable[..., float]
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    manager.refresh()
    assert versions(manager) == {NAME: "1"}
    assert NAME not in manager.trouble
    assert metric("crime_model_info", model=NAME, version="1") == 1
    assert metric("crime_model_trouble", model=NAME) == 0
    swaps, first = metric("crime_model_swaps_total", model=NAME), manager.category_model
    registry.register(NAME, small_bundle.directory)
    manager.refresh()
    assert manager.category_model is first  # registered, not promoted
    registry.set_alias(NAME, "champion", "2")
    with capture_logs() as lines:
        manager.refresh()
    assert ("model loaded", NAME, "2") in [(line["event"], line["model"], line.get("version")) for line in lines]
    assert versions(manager) == {NAME: "2"}
    assert metric("crime_model_swaps_total", model=NAME) == swaps + 1
    assert metric("crime_model_info", model=NAME, version="1") == 0
    assert first is not None
    assert first.version == "1"  # a request that began with it ends with it


def test_an_unchanged_champion_is_not_fetched_again(
    manager: ModelManager, registry: MemoryRegistry, small_bundle: CategoryBundle
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    for _ in range(3):
        manager.refresh()
    assert registry.fetched[NAME, "1"] == 1


def test_without_a_model_trouble_says_what_to_do(manager: ModelManager, metric: Callable[..., float]) -> None:
    manager.refresh()
    assert manager.serving == {}
    assert "crime train" in manager.trouble[NAME]
    assert metric("crime_model_trouble", model=NAME) == 1


def test_a_registry_that_goes_and_comes_back(
    manager: ModelManager, registry: MemoryRegistry, small_bundle: CategoryBundle
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    manager.refresh()
    registry.reachable = False
    with capture_logs() as lines:
        manager.refresh()
        manager.refresh()
    assert versions(manager) == {NAME: "1"}
    assert "can't be reached" in manager.trouble[NAME]
    assert [line["event"] for line in lines if line["model"] == NAME] == ["no new model"]  # logged once
    registry.reachable = True
    manager.refresh()
    assert NAME not in manager.trouble


def test_a_broken_champion_changes_nothing_and_is_fetched_again_ever_more_rarely(
    manager: ModelManager, registry: MemoryRegistry, small_bundle: CategoryBundle, broken: Path, clock: Clock
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    manager.refresh()
    registry.register(NAME, broken, "champion")
    fetches = []
    for _ in range(150):
        before = registry.fetched[NAME, "2"]
        manager.refresh()
        if registry.fetched[NAME, "2"] > before:
            fetches.append(clock.now)
        assert versions(manager) == {NAME: "1"}
        assert "hash differs" in manager.trouble[NAME]
        clock.now += 1
    pauses = np.diff(fetches).tolist()
    first = manager.settings.refresh_seconds
    assert pauses == [first, 2 * first, 4 * first, 8 * first, MAX_PAUSE_SECONDS]
    assert registry.forgotten[NAME, "2"] == len(fetches)  # the damaged copy is never used again
    shutil.copy(small_bundle.directory / "report.txt", broken)
    clock.now += MAX_PAUSE_SECONDS
    manager.refresh()
    assert versions(manager) == {NAME: "2"}
    assert NAME not in manager.trouble


def test_a_bundle_of_another_model_is_refused(
    manager: ModelManager, registry: MemoryRegistry, small_bundle: CategoryBundle
) -> None:
    registry.register(FORECAST, small_bundle.directory, "champion")
    manager.refresh()
    assert manager.forecast is None
    assert FORECAST in manager.trouble


def test_a_promotion_is_loaded_even_where_a_refresh_read_the_alias_before_it(
    manager: ModelManager, small_bundle: CategoryBundle
) -> None:
    read, go_on = threading.Event(), threading.Event()

    class Slow(MemoryRegistry):
        def version(self, name: str, alias: str = "champion") -> str:
            version = super().version(name, alias)
            read.set()
            go_on.wait(10)
            return version

    registry = manager.registry = Slow()
    registry.register(NAME, small_bundle.directory, "champion")
    registry.register(NAME, small_bundle.directory)
    earlier = threading.Thread(target=manager.refresh)
    earlier.start()
    assert read.wait(10)
    registry.set_alias(NAME, "champion", "2")
    after_promotion = threading.Thread(target=manager.refresh)
    after_promotion.start()
    go_on.set()
    for refresh in (earlier, after_promotion):
        refresh.join(10)
        assert not refresh.is_alive()
    assert versions(manager) == {NAME: "2"}


def test_the_image_answers_until_something_is_promoted(registry: MemoryRegistry, small_bundle: CategoryBundle) -> None:
    settings = Settings(model_dir=small_bundle.directory, tracking_uri="http://mlflow")
    manager = ModelManager(settings, registry)
    asyncio.run(manager.start())
    assert versions(manager) == {NAME: "image-unregistered"}
    assert NAME not in manager.trouble
    registry.register(NAME, small_bundle.directory, "champion")
    manager.refresh()
    assert versions(manager) == {NAME: "1"}


def test_an_image_alone_follows_its_own_files(
    registry: MemoryRegistry, small_bundle: CategoryBundle, tmp_path: Path
) -> None:
    directory = Path(shutil.copytree(small_bundle.directory, tmp_path / "image"))
    registry.register(NAME, small_bundle.directory, "champion")
    manager = ModelManager(Settings(model_dir=directory), registry)
    asyncio.run(manager.start())
    assert versions(manager) == {NAME: "unregistered"}  # the registry is not asked
    first = manager.category_model
    manager.refresh()
    assert manager.category_model is first
    (directory / "spec.json").touch()
    manager.refresh()
    assert manager.category_model is not first
    (directory / "spec.json").write_text("{}")
    manager.refresh()
    assert versions(manager) == {NAME: "unregistered"}
    assert "spec.json" in manager.trouble[NAME]


def test_a_start_does_not_wait_for_a_slow_registry(
    small_bundle: CategoryBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crime.serving.model_manager.FIRST_REFRESH_SECONDS", 0.05)
    answer = threading.Event()

    class Slow(MemoryRegistry):
        def version(self, name: str, alias: str = "champion") -> str:
            answer.wait(10)
            raise RegistryError("too late")

    async def run() -> None:
        settings = Settings(model_dir=small_bundle.directory, tracking_uri="http://mlflow")
        manager = ModelManager(settings, Slow())
        await asyncio.wait_for(manager.start(), 5)
        assert versions(manager) == {NAME: "image-unregistered"}
        answer.set()

    asyncio.run(run())


def test_following_goes_on_after_a_failure(
    registry: MemoryRegistry, small_bundle: CategoryBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = ModelManager(Settings(refresh_seconds=0.01), registry)
    failures = iter([RuntimeError("a fault in a new model"), MemoryError("too large")])
    refresh = manager.refresh

    def faulty() -> None:
        for failure in failures:
            raise failure
        refresh()

    monkeypatch.setattr(manager, "refresh", faulty)
    registry.register(NAME, small_bundle.directory, "champion")

    async def run() -> None:
        following = asyncio.create_task(manager.follow())
        for _ in range(500):
            if manager.serving:
                break
            await asyncio.sleep(0.01)
        following.cancel()

    with capture_logs() as lines:
        asyncio.run(run())
    assert versions(manager) == {NAME: "1"}
    assert [line["event"] for line in lines].count("looking for another champion failed") == 2


def answering(manager: ModelManager, number: str, fields: ReportFields = AREA_ALONE) -> str:
    model = manager.answering(number, fields)
    assert model is not None
    return model.version


def test_a_challenger_answers_its_share_and_the_same_reports_always(challenged: ModelManager) -> None:
    assert challenged.challenger is not None
    assert challenged.challenger.since == 1767225600
    numbers = [str(number) for number in range(1000)]
    first = [answering(challenged, number) for number in numbers]
    assert first == [answering(challenged, number) for number in numbers]
    assert first.count("2") / len(first) == pytest.approx(0.25, abs=0.05)
    without_number = [answering(challenged, "", {**AREA_ALONE, "area": float(area)}) for area in range(400)]
    assert without_number == [answering(challenged, "", {**AREA_ALONE, "area": float(area)}) for area in range(400)]
    assert without_number.count("2") / 400 == pytest.approx(0.25, abs=0.08)


def test_a_changed_canary_share_needs_no_new_fetch(challenged: ModelManager, registry: MemoryRegistry) -> None:
    registry.set_tags(NAME, "2", {"canary": "0"})
    challenged.refresh()
    assert {answering(challenged, str(number)) for number in range(100)} == {"1"}
    registry.set_tags(NAME, "2", {"canary": "1"})
    challenged.refresh()
    assert {answering(challenged, str(number)) for number in range(100)} == {"2"}
    assert registry.fetched[NAME, "2"] == 1


@pytest.mark.parametrize("trouble", ["withdrawn", "promoted", "unreachable", "broken", "bad tag"])
def test_a_challenger_in_trouble_is_none(
    trouble: str, challenged: ModelManager, registry: MemoryRegistry, broken: Path
) -> None:
    champion = "1"
    if trouble == "withdrawn":
        registry.delete_alias(NAME, "challenger")
    elif trouble == "promoted":
        registry.set_alias(NAME, "champion", "2")
        champion = "2"
    elif trouble == "unreachable":
        registry.reachable = False
    elif trouble == "broken":
        registry.register(NAME, broken, "challenger")
    else:
        registry.set_tags(NAME, "2", {"canary": "much"})
    challenged.refresh()
    assert challenged.challenger is None
    assert {answering(challenged, str(number)) for number in range(100)} == {champion}


def test_a_champion_that_was_deleted_is_told_and_the_last_good_model_answers(
    manager: ModelManager, registry: MemoryRegistry, small_bundle: CategoryBundle
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    manager.refresh()
    registry.deleted.add((NAME, "1"))
    manager.refresh()
    assert versions(manager) == {NAME: "1"}
    assert manager.trouble[NAME] == f"{NAME}@champion is version 1, which was deleted"


@pytest.mark.parametrize("canary", ["nan", "-0.1", "7", "inf", "much", ""])
def test_a_canary_share_that_is_none_is_no_challenger(
    canary: str, manager: ModelManager, registry: MemoryRegistry, small_bundle: CategoryBundle
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    registry.register(NAME, small_bundle.directory, "challenger")
    registry.set_tags(NAME, "2", {"canary": canary})
    manager.refresh()
    assert manager.challenger is None
    assert "ValueError" in manager.trouble[CHALLENGER_MODEL]


def test_a_trial_counts_although_the_clock_went_back(
    manager: ModelManager, registry: MemoryRegistry, small_bundle: CategoryBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    registry.register(NAME, small_bundle.directory, "challenger")
    registry.set_tags(NAME, "2", {"canary": "0.5", "challenger_at": "2026-01-01T00:00:00+00:00"})
    for now, since in ((1_767_225_700.0, 1_767_225_600.0), (1_000.0, 1_000.0), (1_060.0, 1_000.0), (500.0, 500.0)):
        monkeypatch.setattr(registry, "time", lambda now=now: now)
        manager.refresh()
        assert manager.challenger is not None
        assert manager.challenger.since == since
