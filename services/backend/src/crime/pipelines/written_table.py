"""Writes a table of any size, a batch of rows at a time: CSV, Parquet or JSON lines, by the file's suffix."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from crime.core.errors import DataError
from crime.core.files import atomic_write
from crime.reports.cells import decode_escaped_bytes
from crime.reports.spreadsheet import escape_formula_column, escape_formulas

if TYPE_CHECKING:
    import pyarrow as pa

# UTF-8 of the private-use characters that stand for invalid bytes: `reports.cells.decode_escaped_bytes`
ESCAPED_BYTES = re.compile(b"\xef[\x9e\x9f]")


def table_writer(output: Path) -> Callable[[Iterable["pa.RecordBatch"]], None]:
    """A function that writes batches to `output`: .csv, .parquet or .ndjson. Raises `DataError` for another suffix.

    The file appears under its name only when it is whole.
    """
    writers = {
        ".csv": _write_csv,
        ".parquet": _write_parquet,
        ".ndjson": _write_ndjson,
        ".jsonl": _write_ndjson,
    }
    write = writers.get(output.suffix.lower())
    if write is None:
        raise DataError(f"--output must end in {', '.join(writers)}, not {output.suffix or output.name!r}")

    def write_whole(batches: Iterable["pa.RecordBatch"]) -> None:
        with atomic_write(output) as partial:
            write(partial, batches)

    return write_whole


def decoded_text(column: "pa.Array") -> "pa.Array":
    """The cells of the file as text; bytes that are not UTF-8 are decoded."""
    import pyarrow as pa

    text = column.cast(pa.string())  # buffers: validity, offsets, characters
    if ESCAPED_BYTES.search(text.buffers()[2] or b""):
        text = pa.array(
            [cell if cell is None else decode_escaped_bytes(cell) for cell in text.to_pylist()], pa.string()
        )
    return text


def _write_csv(path: Path, batches: Iterable["pa.RecordBatch"]) -> None:
    """Cells that a spreadsheet would run as formulas are escaped."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    with path.open("wb") as file:
        for number, batch in enumerate(batches):
            safe = pa.RecordBatch.from_arrays(
                list(map(escape_formula_column, batch.columns)), escape_formulas(batch.schema.names)
            )
            options = arrow_csv.WriteOptions(include_header=number == 0, quoting_style="needed")
            arrow_csv.write_csv(safe, file, options)


def _write_parquet(path: Path, batches: Iterable["pa.RecordBatch"]) -> None:
    from pyarrow import parquet

    writer = None
    try:
        for batch in batches:
            writer = writer or parquet.ParquetWriter(path, batch.schema)
            writer.write_batch(batch)
    finally:
        if writer:
            writer.close()
    if not writer:
        raise DataError("the table has no rows")


def _write_ndjson(path: Path, batches: Iterable["pa.RecordBatch"]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for batch in batches:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in batch.to_pylist())
