"""A backup, put into an empty registry of another kind."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from crime.core.settings import Settings
from crime.registry.audit import read_decisions
from crime.registry.lookup import open_registry
from crime.registry.served import ServedRegistry
from harness import LEAST, Backend, Mlflow, Store, early_reports, last_json

TOKEN = "to-be-written-with"


@pytest.fixture(scope="module")
def used(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with two versions, a decision on record, and a recorded prediction."""
    place = tmp_path_factory.mktemp("used") / "mlruns"
    mine = Store(place, {}, {})
    mine.crime("train", "--data", early_reports())
    mine.crime("train", "--data", early_reports(), "--seed", "1")
    mine.crime("promote", "crime-category", "2", "--force", "to have one on record", "--by", "somebody")
    where = open_registry(Settings(mlruns=place))
    where.save("monitoring/predictions/2026-01-01/a.csv.gz", b"some predictions")
    return mine


def test_it_comes_back_under_the_same_numbers_and_answers_the_same(
    used: Store, start: Callable[..., Backend], tmp_path: Path
) -> None:
    archive = tmp_path / "backup.tar.gz"
    saved = last_json(used.crime("backup", archive, "--json"))
    assert saved["versions"] == 2
    server = Mlflow.start(tmp_path / "mlflow")
    try:
        there = Store(tmp_path / "none", {}, {})
        environment = {"CRIME_TRACKING_URI": server.url}
        restored = json.loads(
            there.crime("restore", archive, "--json", environment=environment).stdout.splitlines()[-1]
        )
        assert restored == saved
        assert (
            json.loads(there.crime("restore", archive, "--json", environment=environment).stdout.splitlines()[-1])
            == saved
        )
        old, new = open_registry(Settings(mlruns=used.mlruns)), ServedRegistry(server.url)
        assert new.models()[0].aliases == old.models()[0].aliases
        for mine, theirs in zip(old.versions("crime-category"), new.versions("crime-category"), strict=True):
            assert (mine.version, mine.metrics) == (theirs.version, theirs.metrics)
            assert mine.tags.items() <= (theirs.tags | {"run": mine.tags["run"]}).items()
        assert read_decisions(new) == read_decisions(old)
        assert [act.by for act in read_decisions(new) if act.version == "2"] == ["somebody"]
        assert new.load("monitoring/predictions/2026-01-01/a.csv.gz") == b"some predictions"
        before, after = start(mlruns=used.mlruns), start(tracking_uri=server.url)
        one, two = (httpx.post(f"{backend.url}/predict", json=LEAST).json() for backend in (before, after))
        assert one | {"inference_time_ms": 0} == two | {"inference_time_ms": 0}
    finally:
        server.stop()


def test_it_goes_into_no_registry_that_holds_something_else(used: Store, store: Store, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar.gz"
    used.crime("backup", archive)
    other = Store(tmp_path / "mlruns", {}, {})
    shutil.copytree(store.mlruns, other.mlruns)
    assert "restore into an empty one" in other.crime("restore", archive, code=1).stderr
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(archive.read_bytes()[:-1000])
    assert "is no whole backup" in Store(tmp_path / "new", {}, {}).crime("restore", cut, code=1).stderr
