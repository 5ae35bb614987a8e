"""The command that writes the week as a file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from memory_registry import MemoryRegistry
from typer.testing import Result
from written_forecast import write_forecast

RunCommand = Callable[..., Result]


def test_a_bulletin_is_written_for_the_week_of_a_day(
    crime: RunCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registry = MemoryRegistry()
    registry.register("crime-risk", write_forecast(tmp_path / "forecast"), "champion")
    monkeypatch.setattr("crime.registry.lookup.open_registry", lambda settings: registry)
    result = crime("bulletin", "--week", "2020-12-31", "--output", "week.html")
    assert "week.html: crime-risk version 1, the week to 2020-12-31" in result.output
    assert (tmp_path / "week.html").read_text().startswith("<!doctype html>")
    refused = crime("bulletin", "--week", "2019-01-01", "--output", "other.html", code=1)
    assert "2019-01-01" in refused.output
    assert not (tmp_path / "other.html").exists()
    assert "expected a day as" in crime("bulletin", "--week", "monday", code=2).output
