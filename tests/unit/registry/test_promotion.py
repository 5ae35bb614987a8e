"""Promotion, rollback and challenger: what is written in which order, and that a kill in between does no harm."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.bundle_files import read_spec, write_spec
from crime.core.errors import (
    BundleError,
    DataError,
    DecisionError,
    GatesFailedError,
    ModelNotFoundError,
    RegistryError,
    VersionNumberError,
)
from crime.forecaster.spec import BacktestSummary, ForecastSpec
from crime.registry.audit import AUDIT_FOLDER, read_decisions
from crime.registry.gates import GateName, gates_from_tags
from crime.registry.promotion import (
    complete_promotion,
    judge_version,
    latest_version,
    promote,
    rollback,
    set_challenger,
    withdraw_challenger,
)
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.training.classifier.train import train_category_model
from memory_registry import MemoryRegistry
from written_forecast import write_forecast

NAME = "crime-category"
SMALL = {"learning_rate": 0.3, "num_leaves": 4}


class WatchedRegistry(MemoryRegistry):
    """Keeps the order of its writes, and fails at write number `fails_at`, as if the process were killed there."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []
        self.fails_at: int | None = None

    def _write(self, what: str) -> None:
        if self.fails_at == len(self.writes):
            raise KeyboardInterrupt
        self.writes.append(what)

    def set_alias(self, name: str, alias: str, version: str) -> None:
        self._write(f"alias {alias} {version}")
        super().set_alias(name, alias, version)

    def delete_alias(self, name: str, alias: str) -> None:
        self._write(f"no alias {alias}")
        super().delete_alias(name, alias)

    def set_tags(self, name: str, version: str, tags: dict[str, str]) -> None:
        for key, value in tags.items():
            self._write(f"tag {version} {key}")
            super().set_tags(name, version, {key: value})

    def save(self, path: str, content: bytes) -> None:
        entry = json.loads(content)
        self._write(f"audit {entry['what']}" if path.startswith(f"{AUDIT_FOLDER}/") else f"outcome {entry['outcome']}")
        super().save(path, content)


@pytest.fixture
def registry(small_bundle: CategoryBundle) -> WatchedRegistry:
    """Two versions of the same bundle, the first is champion."""
    registry = WatchedRegistry()
    registry.register(NAME, small_bundle.directory, "champion")
    registry.register(NAME, small_bundle.directory)
    return registry


@pytest.fixture
def larger_bundle(small_bundle: CategoryBundle, tmp_path: Path) -> Path:
    """The same model with a file that makes its bundle fail the gate of size."""
    directory = tmp_path / "larger"
    shutil.copytree(small_bundle.directory, directory)
    (directory / "notes.txt").write_bytes(b"x" * 10_000_000)
    return directory


def test_the_first_version_is_champion(small_bundle: CategoryBundle) -> None:
    registry = WatchedRegistry()
    registry.register(NAME, small_bundle.directory)
    assert promote(registry, NAME, "1", "a test").summary == "champion: the first one"
    assert registry.aliases[NAME] == {"champion": "1"}


def test_a_promotion_is_recorded_before_it_happens(registry: WatchedRegistry) -> None:
    verdict = promote(registry, NAME, "2", "an analyst")
    assert verdict.passed
    tags = [f"tag 2 gate.{gate.name}" for gate in verdict.gates]
    assert registry.writes == [
        "audit promote",
        "tag 2 promotion",
        "tag 2 decision",
        *tags,
        "tag 2 verdict",
        "tag 2 promoted_by",
        "tag 2 promoted_at",
        "alias previous 1",
        "alias champion 2",
        "tag 2 promotion",
        "outcome done",
    ]
    assert registry.tags(NAME, "2")["promotion"] == "done"
    assert gates_from_tags(registry.tags(NAME, "2")) == verdict.gates
    (decision,) = read_decisions(registry)
    assert (decision.action, decision.version, decision.by, decision.reason) == ("promote", "2", "an analyst", None)


WRITES = 15  # of a promotion whose gates pass


def test_a_kill_at_any_write_leaves_a_champion_and_a_record(small_bundle: CategoryBundle) -> None:
    """The record never says more than what happened, and a rerun of the retraining completes it."""
    for fails_at in range(WRITES):
        registry = WatchedRegistry()
        registry.register(NAME, small_bundle.directory, "champion")
        registry.register(NAME, small_bundle.directory)
        registry.fails_at = fails_at
        with pytest.raises(KeyboardInterrupt):
            promote(registry, NAME, "2", "a test")
        decisions = read_decisions(registry)
        assert [decision.outcome for decision in decisions] == ([None] if fails_at else [])
        champion = registry.version(NAME)
        assert champion == "1" or decisions
        if decisions:
            assert f"champion is {champion}" in (decisions[0].problem or "")
        tags = registry.tags(NAME, "2")
        registry.fails_at = None
        if "verdict" in tags and tags["promotion"] == "begun":
            complete_promotion(registry, NAME, "2")
            assert registry.aliases[NAME] == {"champion": "2", "previous": "1"}
            assert [decision.outcome for decision in read_decisions(registry)] == ["done"]
    registry = WatchedRegistry()
    registry.register(NAME, small_bundle.directory, "champion")
    registry.register(NAME, small_bundle.directory)
    promote(registry, NAME, "2", "a test")
    assert len(registry.writes) == WRITES


def test_promoting_again_completes_what_was_killed_before_its_last_write(registry: WatchedRegistry) -> None:
    registry.fails_at = WRITES - 2
    with pytest.raises(KeyboardInterrupt):
        promote(registry, NAME, "2", "a test")
    registry.fails_at = None
    assert promote(registry, NAME, "2", "a test").summary == "champion: version 2 is champion already"
    assert [(decision.action, decision.outcome) for decision in read_decisions(registry)] == [("promote", "done")]
    assert registry.aliases[NAME] == {"champion": "2", "previous": "1"}


@pytest.mark.parametrize("act", [rollback, withdraw_challenger])
def test_a_kill_within_other_decisions(act: Callable[..., object], registry: WatchedRegistry) -> None:
    promote(registry, NAME, "2", "a test")
    set_challenger(registry, NAME, "1", 0, "a test")
    before = len(registry.writes)
    registry.fails_at = before + 1
    with pytest.raises(KeyboardInterrupt):
        act(registry, NAME, "a test")
    assert [decision.outcome for decision in read_decisions(registry)] == [None, "done", "done"]


def test_fifty_promotions_at_once_are_each_whole(small_bundle: CategoryBundle) -> None:
    registry = MemoryRegistry()
    registry.register(NAME, small_bundle.directory, "champion")
    registry.register(NAME, small_bundle.directory)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda n: promote(registry, NAME, str(1 + n % 2), f"person {n}", "parallel", True), range(50)))
    decisions = read_decisions(registry)
    assert {decision.outcome for decision in decisions} == {"done"}
    assert len({decision.id for decision in decisions}) == len(decisions)
    outcomes = [path for path in registry.contents if path.startswith("monitoring/audit-outcomes/")]
    assert len(outcomes) == len(decisions)


def test_nothing_is_rolled_back_to_the_champion(registry: WatchedRegistry) -> None:
    registry.aliases[NAME]["previous"] = "1"
    with pytest.raises(DecisionError, match="version 1 of crime-category is champion, and was before"):
        rollback(registry, NAME, "a test")
    assert registry.writes == []


def test_a_champion_that_was_deleted_is_none(registry: WatchedRegistry) -> None:
    registry.deleted.add((NAME, "1"))
    assert promote(registry, NAME, "2", "a test").summary == "champion: the first one"
    assert registry.aliases[NAME] == {"champion": "2"}


@pytest.mark.parametrize("text", ["", "0", " 2", "2 ", "+2", "2.0", "٢", "2\n", "9" * 10, "9" * 5_000, "v2", "../2"])
def test_what_is_no_version_number(text: str, registry: WatchedRegistry) -> None:
    for act in (lambda: promote(registry, NAME, text, "a"), lambda: set_challenger(registry, NAME, text, 0, "a")):
        with pytest.raises(VersionNumberError):
            act()
    assert registry.writes == []


def test_texts_that_could_not_be_read_again_are_refused(registry: WatchedRegistry) -> None:
    with pytest.raises(DataError, match="too long to be recorded"):
        promote(registry, NAME, "2", "x" * 100_000)
    assert registry.aliases[NAME] == {"champion": "1"}


def test_a_refused_version_keeps_its_reasons_and_moves_nothing(registry: WatchedRegistry, larger_bundle: Path) -> None:
    version = registry.register(NAME, larger_bundle)
    with pytest.raises(GatesFailedError, match=r"not champion: .*\b10\.\d MB against"):
        promote(registry, NAME, version, "a test")
    assert registry.aliases[NAME] == {"champion": "1"}
    assert read_decisions(registry) == []
    tags = registry.tags(NAME, version)
    assert [gate.name for gate in gates_from_tags(tags) if not gate.passed] == [GateName.SIZE]
    assert tags["verdict"].startswith("not champion")
    assert "promotion" not in tags


def test_force_is_recorded_with_its_reason(registry: WatchedRegistry, larger_bundle: Path) -> None:
    version = registry.register(NAME, larger_bundle)
    verdict = promote(registry, NAME, version, "an analyst", "memory is cheap", force=True)
    assert not verdict.passed
    assert registry.version(NAME) == version
    assert registry.tags(NAME, version)["forced_because"] == "memory is cheap"
    assert read_decisions(registry)[0].reason == "memory is cheap"


def test_force_is_not_mentioned_where_the_gates_passed(registry: WatchedRegistry) -> None:
    promote(registry, NAME, "2", "an analyst", "just in case", force=True)
    assert "forced_because" not in registry.tags(NAME, "2")
    assert read_decisions(registry)[0].reason == "just in case"


def test_what_can_not_be_loaded_can_not_be_forced(registry: WatchedRegistry, tmp_path: Path) -> None:
    version = registry.register(NAME, tmp_path)
    with pytest.raises(BundleError):
        promote(registry, NAME, version, "a test", "at any price", force=True)
    assert registry.writes == []


def test_a_champion_that_can_not_be_read_is_replaced(small_bundle: CategoryBundle, tmp_path: Path) -> None:
    registry = WatchedRegistry()
    registry.register(NAME, tmp_path, "champion")
    registry.register(NAME, small_bundle.directory)
    assert "version 1 can't be read" in promote(registry, NAME, "2", "a test").summary
    assert registry.aliases[NAME] == {"champion": "2", "previous": "1"}


def test_a_first_version_that_is_worse_than_a_baseline_is_no_champion(tmp_path: Path) -> None:
    """A forecast that is 2 % worse than the best baseline by area."""
    directory = write_forecast(tmp_path / "bundle")
    spec = read_spec(directory, ForecastSpec)
    worse = BacktestSummary(by="area", every="day", origins=9, methods={}, chosen="long-run mean", gain=-0.02)
    write_spec(directory, spec.model_copy(update={"backtest": {"area": worse}}))
    registry = WatchedRegistry()
    registry.register("crime-risk", directory)
    with pytest.raises(GatesFailedError) as refused:
        promote(registry, "crime-risk", "1", "a test")
    assert str(refused.value) == (
        "not champion: the first one; there is no champion unless `crime promote crime-risk 1 --force REASON` makes "
        "this one; by area deviance -2.0% better than the best baseline over 9 origins"
    )
    assert registry.aliases["crime-risk"] == {}
    promote(registry, "crime-risk", "1", "an analyst", "better than none", force=True)
    assert registry.aliases["crime-risk"] == {"champion": "1"}
    assert registry.tags("crime-risk", "1")["forced_because"] == "better than none"


def test_no_version_passes_over_another_on_reports_that_either_was_trained_on(
    small_reports: Reports, small_bundle: CategoryBundle, tmp_path: Path
) -> None:
    """Versions of the first 60 % of the reports and of all: whichever challenges, the same newest reports decide."""
    early = small_reports.take(slice(None))
    early.sort()
    early = early.take(slice(0, 900))
    older = train_category_model(early, Tally(), tmp_path / "bundle", parameters=SMALL).bundle
    registry = WatchedRegistry()
    registry.register(NAME, older.directory, "champion")
    registry.register(NAME, small_bundle.directory)
    first = judge_version(registry, NAME, "2")
    registry.set_alias(NAME, "champion", "2")
    second = judge_version(registry, NAME, "1")
    assert all("on the same 316 reports" in verdict.gates[0].reason for verdict in (first, second))
    assert [first.gates[0].passed, second.gates[0].passed] == [True, False]


def test_promoting_the_champion_again_changes_no_alias(registry: WatchedRegistry) -> None:
    assert promote(registry, NAME, "1", "a test").summary == "champion: version 1 is champion already"
    assert registry.aliases[NAME] == {"champion": "1"}


def test_a_bundle_of_another_model_is_refused(registry: WatchedRegistry, small_bundle: CategoryBundle) -> None:
    registry.register("crime-risk", small_bundle.directory)
    with pytest.raises(BundleError):
        judge_version(registry, "crime-risk", "1")
    registry.register("another", small_bundle.directory)
    with pytest.raises(BundleError, match="another is not a model of this release: crime-category, crime-risk"):
        judge_version(registry, "another", "1")


def test_a_rollback_is_undone_by_a_second_one(registry: WatchedRegistry) -> None:
    promote(registry, NAME, "2", "a test")
    registry.writes.clear()
    assert rollback(registry, NAME, "an analyst") == "1"
    assert registry.writes == [
        "audit rollback",
        "tag 1 rolled_back_to_by",
        "tag 1 rolled_back_to_at",
        "alias previous 2",
        "alias champion 1",
        "outcome done",
    ]
    assert rollback(registry, NAME, "an analyst") == "2"
    assert registry.aliases[NAME] == {"champion": "2", "previous": "1"}


def test_there_is_nothing_to_roll_back_to(registry: WatchedRegistry) -> None:
    with pytest.raises(RegistryError, match="no version of crime-category was champion before"):
        rollback(registry, NAME, "a test")
    assert registry.writes == []


def test_a_challenger_is_tagged_before_it_gets_its_alias(registry: WatchedRegistry) -> None:
    set_challenger(registry, NAME, "2", 0.25, "a test")
    assert registry.writes == [
        "audit challenge",
        "tag 2 canary",
        "tag 2 challenger_by",
        "tag 2 challenger_at",
        "tag 2 challenge",
        "alias challenger 2",
        "outcome done",
    ]
    assert registry.tags(NAME, "2")["canary"] == "0.25"
    assert read_decisions(registry)[0].reason == "canary 0.25"
    registry.writes.clear()
    withdraw_challenger(registry, NAME, "a test")
    assert registry.writes == ["audit withdraw", "no alias challenger", "outcome done"]
    with pytest.raises(ModelNotFoundError):
        withdraw_challenger(registry, NAME, "a test")


@pytest.mark.parametrize(
    "act",
    [
        lambda registry: promote(registry, NAME, "77", "a test"),
        lambda registry: set_challenger(registry, NAME, "77", 0, "a test"),
        lambda registry: latest_version(registry, "crime-none"),
    ],
)
def test_a_version_that_does_not_exist(registry: WatchedRegistry, act: Callable[[WatchedRegistry], object]) -> None:
    with pytest.raises(ModelNotFoundError):
        act(registry)
    assert registry.writes == []


def test_the_latest_version(registry: WatchedRegistry) -> None:
    assert latest_version(registry, NAME) == "2"
