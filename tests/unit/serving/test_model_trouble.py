"""What a registry or an image holds may be anything: trouble is told, and tried again ever more rarely."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.model_names import CHALLENGER_MODEL
from crime.core.settings import Settings
from crime.registry.kinds import CATEGORY, MODEL_KINDS
from crime.serving.model_manager import ModelManager
from memory_registry import MemoryRegistry
from structlog.testing import capture_logs

NAME = "crime-category"


def versions(manager: ModelManager) -> dict[str, str]:
    return {name: model.version for name, model in manager.serving.items()}


def test_a_broken_challenger_is_told_until_it_is_withdrawn(
    challenged: ModelManager, registry: MemoryRegistry, broken: Path, metric: Callable[..., float]
) -> None:
    assert metric("crime_model_trouble", model=CHALLENGER_MODEL) == 0
    registry.register(NAME, broken, "challenger")
    with capture_logs() as lines:
        challenged.refresh()
        challenged.refresh()
    assert "hash differs" in challenged.trouble[CHALLENGER_MODEL]
    assert NAME not in challenged.trouble
    assert metric("crime_model_trouble", model=CHALLENGER_MODEL) == 1
    assert [line["event"] for line in lines].count("no new model") == 1
    assert registry.fetched[NAME, "3"] == 1
    registry.delete_alias(NAME, "challenger")
    challenged.refresh()
    assert CHALLENGER_MODEL not in challenged.trouble
    assert metric("crime_model_trouble", model=CHALLENGER_MODEL) == 0


def test_a_start_with_a_broken_champion_goes_on_with_the_one_before(
    manager: ModelManager, registry: MemoryRegistry, small_bundle: CategoryBundle, broken: Path
) -> None:
    registry.register(NAME, small_bundle.directory, "previous")
    registry.register(NAME, broken, "champion")
    manager.refresh()
    assert versions(manager) == {NAME: "1"}
    assert "hash differs" in manager.trouble[NAME]
    manager.refresh()
    assert versions(manager) == {NAME: "1"}
    registry.register(NAME, small_bundle.directory, "champion")
    manager.refresh()
    assert versions(manager) == {NAME: "3"}
    assert NAME not in manager.trouble


@pytest.mark.parametrize("fault", [TypeError("a list"), KeyError("version"), RecursionError("deep"), MemoryError()])
def test_whatever_a_registry_raises_is_told_and_changes_nothing(
    fault: Exception, manager: ModelManager, small_bundle: CategoryBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = MemoryRegistry()
    manager.registry = registry
    registry.register(NAME, small_bundle.directory, "champion")
    assert manager.refresh()

    def faulty(*arguments: object) -> str:
        raise fault

    for call in ("version", "bundle"):
        registry.register(NAME, small_bundle.directory, "champion")
        with monkeypatch.context() as patched:
            patched.setattr(registry, call, faulty)
            assert manager.refresh() == (call == "bundle")  # where it did not answer it is asked more rarely
        assert type(fault).__name__ in manager.trouble[NAME]
        assert versions(manager) == {NAME: "1"}


def test_a_registry_in_trouble_is_asked_ever_more_rarely(
    registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And as often as ever when it answers again."""
    manager, pauses = ModelManager(Settings(refresh_seconds=5), registry), list[float]()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        registry.reachable = len(pauses) > 7
        if len(pauses) > 9:
            raise asyncio.CancelledError

    monkeypatch.setattr("crime.serving.model_manager.asyncio.sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(manager.follow())
    assert pauses == [5, 10, 20, 40, 60, 60, 60, 60, 5, 5]


def test_a_broken_image_is_parsed_again_only_when_it_changes(
    registry: MemoryRegistry, small_bundle: CategoryBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = Path(shutil.copytree(small_bundle.directory, tmp_path / "image"))
    whole = (directory / "report.txt").read_bytes()
    (directory / "report.txt").write_bytes(whole[:-2_000])
    manager, read = ModelManager(Settings(model_dir=directory), registry), list[Path]()

    def counting(path: Path, version: str | None) -> CategoryBundle:
        read.append(path)
        return CategoryBundle(path, version)

    monkeypatch.setitem(MODEL_KINDS, NAME, replace(CATEGORY, load=counting))
    for _ in range(3):
        manager.refresh()
        assert "hash differs" in manager.trouble[NAME]
    assert len(read) == 1
    (directory / "report.txt").write_bytes(whole)
    manager.refresh()
    manager.refresh()
    assert len(read) == 2
    assert versions(manager) == {NAME: "unregistered"}
    assert NAME not in manager.trouble


def test_whether_the_registry_answers_is_a_metric(
    manager: ModelManager, registry: MemoryRegistry, small_bundle: CategoryBundle, metric: Callable[..., float]
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    for reachable in (True, False, True):
        registry.reachable = reachable
        manager.refresh()
        assert metric("crime_registry_answers", registry=str(registry)) == reachable
        assert versions(manager) == {NAME: "1"}
