"""Fixtures of the unit tests: a part of the embedded sample, and a model trained on it once per session."""

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.reports.files import load_reports
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.sample import sample_table


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
