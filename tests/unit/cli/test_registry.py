"""Commands of the model registry, on a registry in memory."""

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.cli import registry as registry_commands  # noqa: F401 (registers the commands)
from crime.cli.app import app
from crime.registry.protocol import CHALLENGER
from memory_registry import MemoryRegistry
from typer.testing import CliRunner

NAME = "crime-category"


def test_a_challenger_is_set_with_its_share_and_withdrawn(
    small_bundle: CategoryBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = MemoryRegistry()
    registry.register(NAME, small_bundle.directory, "champion")
    registry.register(NAME, small_bundle.directory)
    monkeypatch.setattr("crime.registry.lookup.open_registry", lambda settings: registry)

    result = CliRunner().invoke(app, ["challenge", NAME, "2", "--canary", "0.1", "--by", "a test"])
    assert result.output == f"{NAME}: version 2 challenges, and answers 10%\n"
    assert registry.version(NAME, CHALLENGER) == "2"
    assert registry.tags(NAME, "2")["canary"] == "0.1"

    result = CliRunner().invoke(app, ["challenge", NAME, "--by", "a test"])
    assert result.output == f"{NAME}: the challenger is withdrawn\n"
