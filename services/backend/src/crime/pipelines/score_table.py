"""Scores a table of any size with the category model, a block of rows at a time (`crime predict`)."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ANSWER_COLUMNS, score_reports
from crime.core.errors import DataError
from crime.core.files import atomic_write
from crime.core.prefetch import prefetch
from crime.reports.cells import decode_escaped_bytes
from crime.reports.files import parse_block, read_blocks
from crime.reports.spreadsheet import escape_formula_column, escape_formulas
from crime.reports.tally import Tally

if TYPE_CHECKING:
    import pyarrow as pa

# UTF-8 of the private-use characters that stand for invalid bytes: `reports.cells.decode_escaped_bytes`
ESCAPED_BYTES = re.compile(b"\xef[\x9e\x9f]")


def score_file(
    model: CategoryBundle,
    source: Path,
    output: Path,
    tally: Tally,
    progress: Callable[[int], None] = lambda rows: None,
) -> None:
    """Write the columns of `source` and `ANSWER_COLUMNS` to `output`: .csv, .parquet or .ndjson.

    The file appears under its name only when it is whole. `progress` is called with the number of rows read.
    Raises `DataError`, also if no row could be read.
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
    with atomic_write(output) as partial:
        write(partial, _scored(model, source, tally, progress))


def _scored(
    model: CategoryBundle, source: Path, tally: Tally, progress: Callable[[int], None]
) -> Iterator["pa.RecordBatch"]:
    """The table's batches with the answers' columns. Reading and parsing run ahead of scoring in a thread."""
    import pyarrow as pa

    types = {"label": pa.int8(), "label_name": pa.string(), "level": pa.string(), "error": pa.string()}
    any_accepted = False
    parsed = ((batch, parse_block(batch, tally, reading="reject")) for batch in read_blocks(source, tally))
    for batch, reports in prefetch(parsed):
        any_accepted = any_accepted or bool(reports.accepted.any())
        answer = score_reports(model, reports).columns()
        columns = [_text(column) for column in batch.columns]
        columns += [pa.array(values, types.get(name, pa.float64())) for name, values in answer.items()]
        yield pa.RecordBatch.from_arrays(columns, [*batch.schema.names, *ANSWER_COLUMNS])
        progress(tally.rows)
    if not any_accepted:
        raise DataError(f"{source.name}: {tally.no_report}")
    tally.check_columns()


def _text(column: "pa.Array") -> "pa.Array":
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
