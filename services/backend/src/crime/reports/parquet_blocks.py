"""Read a Parquet file as Arrow record batches like those of a CSV table."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from crime.reports.parsing import locate_columns

if TYPE_CHECKING:
    import pyarrow as pa


BLOCK_ROWS = 32_768  # about as many as a block of a CSV table holds


def read_parquet_blocks(path: Path) -> Iterator["pa.RecordBatch"]:
    """Batches of binary columns, named as in the file. Raises `DataError` if it is not an LAPD table."""
    import pyarrow as pa
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    locate_columns(file.schema_arrow.names)
    for batch in file.iter_batches(BLOCK_ROWS):
        columns = [_text(column) for column in batch.columns]
        yield pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _text(column: "pa.Array") -> "pa.Array":
    """A column as text in bytes; lists, as of MO codes, are joined by spaces."""
    import pyarrow as pa

    if not pa.types.is_list(column.type):
        text = column.cast(pa.string())
        text.validate(full=True)  # a file may say that bytes are text which are not UTF-8
        return text.cast(pa.binary())
    return pa.array([None if codes is None else " ".join(map(str, codes)) for codes in column.to_pylist()], pa.binary())
