"""Fixtures of the tests of reports."""

import csv
import gzip

import pytest
from crime.sample import sample_table


@pytest.fixture(scope="session")
def rows() -> list[dict[str, str]]:
    """The cells of the embedded sample as text, by column name."""
    with sample_table() as path, gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
