"""The embedded sample of LAPD's reports."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

SAMPLE_SHARE = 7_888 / 1_004_894  # of LAPD's reports of these years, drawn at random


@contextmanager
def sample_table() -> Iterator[Path]:
    """Path of a gzipped CSV table of 7,888 real reports of 2020 to 2024, a random draw of about 1 in 127."""
    with as_file(files("crime.sample") / "sample.csv.gz") as path:
        yield path
