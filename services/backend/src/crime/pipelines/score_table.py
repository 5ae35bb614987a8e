"""Scores a table of any size with the category model, a block of rows at a time (`crime predict`)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ANSWER_COLUMNS, score_reports
from crime.core.errors import DataError
from crime.core.prefetch import prefetch
from crime.pipelines.written_table import decoded_text, table_writer
from crime.reports.files import parse_block, read_blocks
from crime.reports.tally import Tally

if TYPE_CHECKING:
    import pyarrow as pa


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
    write = table_writer(output)
    write(_scored(model, source, tally, progress))


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
        columns = list(map(decoded_text, batch.columns))
        columns += [pa.array(values, types.get(name, pa.float64())) for name, values in answer.items()]
        yield pa.RecordBatch.from_arrays(columns, [*batch.schema.names, *ANSWER_COLUMNS])
        progress(tally.rows)
    if not any_accepted:
        raise DataError(f"{source.name}: {tally.no_report}")
    tally.check_columns()
