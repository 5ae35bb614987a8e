"""Fixtures of the service tests: the model that users get, the embedded sample, and backends as processes."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.settings import Settings
from crime.registry.lookup import load_champion
from crime.reports.files import load_reports
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.sample import sample_table
from harness import Backend, Store, rows_of_sample, start_backend, trained_store
from object_store import object_store as start_object_store


@pytest.fixture(scope="session")
def store() -> Store:
    """The trained store, which all tests share: a test that writes takes a copy."""
    return trained_store()


@pytest.fixture(scope="session")
def model(store: Store) -> CategoryBundle:
    return load_champion(Settings(mlruns=store.mlruns))


@pytest.fixture(scope="session")
def reports() -> Reports:
    with sample_table() as path:
        return load_reports(path, Tally())


@pytest.fixture(scope="session")
def rows() -> list[dict[str, str]]:
    """The embedded sample's cells, row by row."""
    return rows_of_sample()


@pytest.fixture(scope="session")
def start() -> Iterator[Callable[..., Backend]]:
    """Start a backend on a free port; all that still run are stopped after the session.

    Unless settings name another source of models, it answers with a copy of the trained store of its own.
    """
    started: list[Backend] = []

    def start_one(environment: dict[str, str] | None = None, **settings: object) -> Backend:
        if not {"mlruns", "model_dir", "tracking_uri"} & set(settings):
            trained = trained_store().mlruns
            settings["mlruns"] = trained_store().copy(trained.with_name(f"{trained.name}-{len(started)}")).mlruns
        started.append(start_backend(environment, **settings))
        return started[-1]

    yield start_one
    for backend in started:
        backend.stop()


@pytest.fixture(scope="session")
def backend(start: Callable[..., Backend]) -> Backend:
    """A backend that tests share which change nothing in it."""
    return start()


@pytest.fixture(scope="session")
def api(backend: Backend) -> httpx.Client:
    return backend.http


@pytest.fixture
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An S3 gateway with the bucket `models`; the variables that reach it."""
    with start_object_store(tmp_path_factory.mktemp("store")) as variables:
        yield variables
