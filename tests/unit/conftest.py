"""Fixtures of the unit tests: a part of the embedded sample, and a model trained on it once per session."""

from typing import TYPE_CHECKING

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.reports.files import load_reports
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.sample import sample_table

if TYPE_CHECKING:  # imports MLflow, which most tests do without
    from published_store import PublishedStore


@pytest.fixture(scope="session")
def small_reports() -> Reports:
    """Every fifth report of the embedded sample: 1,578 of 2020 to 2025, of all areas. Take a copy to change it."""
    with sample_table() as path:
        return load_reports(path, Tally()).take(slice(None, None, 5))


@pytest.fixture(scope="session")
def small_bundle(small_reports: Reports, tmp_path_factory: pytest.TempPathFactory) -> CategoryBundle:
    """A bundle of `small_reports` with few and small trees, quick to train."""
    from crime.training.classifier.train import train_category_model

    directory = tmp_path_factory.mktemp("small") / "bundle"
    reports = small_reports.take(slice(None))
    bundle, _ = train_category_model(reports, Tally(), directory, parameters={"learning_rate": 0.3, "num_leaves": 4})
    return bundle


@pytest.fixture(scope="session")
def published(small_bundle: CategoryBundle, tmp_path_factory: pytest.TempPathFactory) -> "PublishedStore":
    """An MLflow store with two versions of the small model. Take a copy to change it."""
    from crime.pipelines.publishing import publish
    from crime.registry.embedded import EmbeddedRegistry
    from published_store import PublishedStore

    registry = EmbeddedRegistry(tmp_path_factory.mktemp("published") / "mlruns")
    first = publish(small_bundle, small_bundle.directory, registry, {"data.digest": "abc"})
    second = publish(small_bundle, small_bundle.directory, registry)
    return PublishedStore(registry, first, second)
