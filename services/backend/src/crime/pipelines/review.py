"""Reviews the recorded crime codes of a table (`crime review`): reads and ranks its records, then writes them."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crime.classifier.review.kinds import KINDS
from crime.classifier.review.planting import Depth
from crime.core.errors import DataError
from crime.core.executors import Executor
from crime.core.prefetch import prefetch
from crime.core.progress import Progress, no_progress
from crime.pipelines.written_table import decoded_text, table_writer
from crime.reports.categories import CRIME_CODES
from crime.reports.files import join_blocks, parse_block, read_blocks
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.training.review.review import Review, review_records

if TYPE_CHECKING:
    import pyarrow as pa

PROBABILITY_DECIMALS, DOUBT_DECIMALS = 6, 4
_CODES = np.array([crime.code for crime in CRIME_CODES] + [None], object)  # -1 is no code


@dataclass(frozen=True)
class ReviewSummary:
    """What a review found. `kinds`: the kinds of doubt among the first 1 % of the `reviewed` records."""

    reviewed: int
    kinds: dict[str, int]
    depths: list[Depth]


def review_file(
    source: Path,
    output: Path,
    tally: Tally,
    progress: Progress = no_progress,
    show_rows: Callable[[int], None] = lambda rows: None,
    executor: Executor | None = None,
) -> ReviewSummary:
    """Write the columns of `source` and those of the review to `output`: .csv, .parquet or .ndjson.

    Rows stay in their order. A row that was rejected, or has no known code, has an `error` and no rank. `show_rows` is
    called with the number of rows read; `executor` fits the trees. Raises `DataError`, also if fewer than 500 records
    can be reviewed.
    """
    write = table_writer(output)
    reports, errors = read_records(source, tally, show_rows)
    review = review_records(reports, progress, executor)
    first = review.rank <= max(1, len(reports) // 100)
    kinds = Counter(KINDS[kind] for kind in review.kind[first].tolist())
    record_of_row = np.full(len(errors), -1)
    record_of_row[errors == None] = np.arange(len(reports))  # noqa: E711 (elementwise)
    summary = ReviewSummary(len(reports), {kind: kinds[kind] for kind in KINDS}, review.depths)
    del reports
    progress("write", 0)
    write(_reviewed(source, review, record_of_row, errors))
    return summary


def read_records(
    source: Path, tally: Tally, show_rows: Callable[[int], None] = lambda rows: None
) -> tuple[Reports, np.ndarray]:
    """The accepted reports of a table, duplicates too, and of each row (rows,) why it was rejected: text, or None.

    Raises `DataError` if there are none, or if a column is not what its name says.
    """
    blocks, errors = [], []
    for reports in prefetch(parse_block(batch, tally, labelled=True) for batch in read_blocks(source, tally)):
        accepted = reports.accepted
        errors.append(np.array([None if error is None else str(error) for error in reports.errors], object))
        blocks.append(reports.take(np.flatnonzero(accepted)))
        show_rows(tally.rows)
    if not any(map(len, blocks)):
        raise DataError(f"{source.name}: {tally.no_report}")
    tally.check_columns()
    return join_blocks(blocks), np.concatenate(errors)


def _reviewed(
    source: Path, review: Review, record_of_row: np.ndarray, errors: np.ndarray
) -> Iterator["pa.RecordBatch"]:
    """The table's batches with the review's columns; `record_of_row` (rows,): the record of each row, -1 for none."""
    import pyarrow as pa

    columns = _columns(review)
    first = 0
    for batch in read_blocks(source, Tally()):
        rows = slice(first, first + len(batch))
        record, first = record_of_row[rows], rows.stop
        if len(record) < len(batch):
            raise DataError(f"{source.name} was changed while it was read")
        added = [
            pa.array(values[record], pa.string() if values.dtype == object else None, mask=record < 0)
            for values in columns.values()
        ]
        added.append(pa.array(errors[rows], pa.string()))
        names = [*batch.schema.names, *columns, "error"]
        yield pa.RecordBatch.from_arrays([*map(decoded_text, batch.columns), *added], names)


def _columns(review: Review) -> dict[str, np.ndarray]:
    """The review's columns (n,) by name, without `error`."""
    columns = {
        "review_rank": review.rank,
        "review_doubt": review.doubt.round(DOUBT_DECIMALS),
        "review_own_probability": review.own_probability.round(PROBABILITY_DECIMALS),
    }
    for place in (0, 1):
        columns[f"review_code_{place + 1}"] = _CODES[review.code[:, place]]
        columns[f"review_probability_{place + 1}"] = review.probability[:, place].round(PROBABILITY_DECIMALS)
    return columns | {"review_kind": np.array(KINDS, object)[review.kind], "review_reasons": review.reasons}
