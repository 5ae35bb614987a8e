"""Read LAPD tables: CSV, gzip, zip or Parquet, in every dialect seen, a block of rows at a time.

Nothing is dropped in silence: a `Tally` counts what was read, repaired (by kind) and rejected (by reason).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from crime.reports.parsing import locate_columns

if TYPE_CHECKING:
    import pyarrow as pa


BLOCK_ROWS = 32_768


def read_parquet_blocks(path: Path) -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    locate_columns(file.schema_arrow.names)
    for batch in file.iter_batches(BLOCK_ROWS):
        columns = [
            pa.array([None if v is None else " ".join(map(str, v)) for v in column.to_pylist()], pa.binary())
            if pa.types.is_list(column.type)
            else column.cast(pa.string()).cast(pa.binary())
            for column in batch.columns
        ]
        yield pa.RecordBatch.from_arrays(columns, batch.schema.names)
