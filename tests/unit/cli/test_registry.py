"""Commands of the model registry, on an embedded store with two versions of the small model."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from crime.registry.audit import read_decisions
from crime.registry.embedded import EmbeddedRegistry
from published_store import PublishedStore
from typer.testing import Result

RunCommand = Callable[..., Result]
NAME = "crime-category"


@pytest.fixture
def registry(published: PublishedStore, tmp_path: Path) -> EmbeddedRegistry:
    return published.copy(tmp_path / "mlruns")


def test_promote_and_roll_back(crime: RunCommand, registry: EmbeddedRegistry) -> None:
    champion = registry.version(NAME)
    other = next(version.version for version in registry.versions(NAME) if version.version != champion)
    result = crime("promote", NAME, other, "--force", "a test of it", "--json")
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (summary["model"], summary["version"]) == (NAME, other)
    assert {gate["name"] for gate in summary["gates"]} == {"log_loss", "area", "calibration", "latency", "size"}
    assert f"{NAME} version {other} is champion" in result.stdout
    assert registry.version(NAME) == other
    assert f"{NAME} version {champion} is champion again" in crime("rollback", NAME, "--by", "somebody").stdout
    assert registry.version(NAME) == champion
    assert [decision.by for decision in read_decisions(registry)[:2]] == ["somebody", "an analyst"]


def test_a_challenger_comes_and_goes(crime: RunCommand, registry: EmbeddedRegistry) -> None:
    champion = registry.version(NAME)
    other = next(version.version for version in registry.versions(NAME) if version.version != champion)
    result = crime("challenge", NAME, other, "--canary", "0.1")
    assert result.stdout == f"{NAME}: version {other} challenges, and answers 10%\n"
    assert registry.version(NAME, "challenger") == other
    assert registry.tags(NAME, other)["canary"] == "0.1"
    assert crime("challenge", NAME).stdout == f"{NAME}: the challenger is withdrawn\n"
    crime("challenge", NAME, "--canary", "2", code=2)


@pytest.mark.parametrize("arguments", [("promote", "crime-none"), ("rollback", "crime-none"), ("promote", NAME, "77")])
def test_an_unknown_model_or_version_is_one_line(
    arguments: tuple[str, ...], crime: RunCommand, registry: EmbeddedRegistry
) -> None:
    result = crime(*arguments, code=1)
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.output


def test_the_record_is_listed_with_outcomes(crime: RunCommand, registry: EmbeddedRegistry) -> None:
    crime("promote", NAME, "01", "--force", "[bold]of it[/]\nall", "--by", "somebody")
    crime("promote", NAME, "1", "--by", "somebody")  # champion already
    (registry.mlruns / "monitoring/audit/foreign.json").write_bytes(b"{")
    result = crime("audit", "--json")
    newest, *earlier = result.stdout.splitlines()[:-1]
    assert newest.endswith(f"promote {NAME} 1, somebody ([bold]of it[/] all): done")
    assert len(earlier) == 2
    assert "monitoring/audit/foreign.json can't be read, and is left out" in result.stderr
    assert [act["outcome"] for act in json.loads(result.stdout.splitlines()[-1])] == ["done"] * 3


@pytest.mark.parametrize("version", ["+2", "2.0", "v2", "99999999999", "\u0662"])
def test_what_is_no_version_is_one_line(version: str, crime: RunCommand, registry: EmbeddedRegistry) -> None:
    for command in ("promote", "challenge"):
        assert "expected the number of a version" in crime(command, NAME, version, code=1).stderr


def test_a_backup_that_is_not_complete_says_so(crime: RunCommand, registry: EmbeddedRegistry, tmp_path: Path) -> None:
    os.mkfifo(registry.mlruns / "monitoring/audit/pipe.json")
    result = crime("backup", tmp_path / "backup.tar.gz", "--json", code=1)
    assert "left out: 'monitoring/audit/pipe.json'" in result.stderr
    assert len(json.loads(result.stdout.splitlines()[-1])["left_out"]) == 1
    assert (tmp_path / "backup.tar.gz").exists()


def test_export_writes_the_champion_with_its_version(
    crime: RunCommand, registry: EmbeddedRegistry, tmp_path: Path
) -> None:
    result = crime("export", "--output", tmp_path / "model")
    assert json.loads((tmp_path / "model" / "spec.json").read_text())["version"] == registry.version(NAME)
    assert "crime-risk" in result.stderr  # the store has no forecast, which is optional
    assert (tmp_path / "model" / "report.txt").exists()


def test_backup_and_restore(
    crime: RunCommand, registry: EmbeddedRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "backup.tar.gz"
    saved = json.loads(crime("backup", archive, "--json").stdout.splitlines()[-1])
    assert saved["versions"] == 2
    monkeypatch.setenv("CRIME_MLRUNS", str(tmp_path / "restored"))
    assert json.loads(crime("restore", archive, "--json").stdout.splitlines()[-1]) == saved
    assert EmbeddedRegistry(tmp_path / "restored").version(NAME) == registry.version(NAME)
    assert "error: " in crime("restore", tmp_path / "nowhere.tar.gz", code=1).stderr


def test_drift_of_a_store_without_predictions(crime: RunCommand, registry: EmbeddedRegistry) -> None:
    result = crime("drift", "--json")
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (summary["model_name"], summary["model_version"]) == (NAME, registry.version(NAME))
    assert (summary["reports"], summary["features"], summary["performance"], summary["drifted"]) == (0, [], [], False)
