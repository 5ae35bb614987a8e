"""The `crime` command: train, evaluate, predict, export, serve."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crime.cli.rendering import err


@contextmanager
def data_source(data: Path | None) -> Iterator[Path]:
    from crime.sample import sample_table

    if data is None:
        with sample_table() as path:
            err.print("no --data: reading the embedded sample, 7,888 real reports of 2020 to 2024, drawn at random")
            yield path
    else:
        yield data
