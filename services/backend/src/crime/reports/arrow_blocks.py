"""Read Parquet, Feather and Arrow streams; every column becomes text, as in a CSV table."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from crime.core.errors import DataError
from crime.reports.parsing import locate_columns
from crime.reports.typed_cells import typed_text

if TYPE_CHECKING:
    import pyarrow as pa


BLOCK_ROWS = 32_768  # about as many as a block of a CSV table holds


def read_parquet_blocks(path: Path) -> Iterator["pa.RecordBatch"]:
    """Yield the rows of a Parquet file in batches of text columns. Raises `DataError` if it is no LAPD table."""
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    locate_columns(file.schema_arrow.names)
    yield from map(as_text, file.iter_batches(BLOCK_ROWS))


def read_folder_blocks(folder: Path) -> Iterator["pa.RecordBatch"]:
    """Yield the rows of a folder of Parquet files, as Spark writes a table. Raises `DataError`."""
    import pyarrow as pa
    from pyarrow import dataset

    files = dataset.dataset(folder, format="parquet", partitioning="hive", exclude_invalid_files=True)
    if not files.files:
        raise DataError(f"no Parquet file in the folder {folder.name!r}")
    schemas = [fragment.physical_schema for fragment in files.get_fragments()]
    files = files.replace_schema(pa.unify_schemas([files.schema, *schemas], promote_options="permissive"))
    locate_columns(files.schema.names)
    yield from map(as_text, files.to_batches(batch_size=BLOCK_ROWS))


def read_arrow_blocks(path: Path) -> Iterator["pa.RecordBatch"]:
    """Yield the rows of a Feather file or an Arrow stream. Raises `DataError` if it is no LAPD table."""
    import pyarrow as pa
    from pyarrow import ipc

    with pa.memory_map(str(path)) as file:
        if file.read(6) == b"ARROW1":
            opened = ipc.open_file(file)
            batches = map(opened.get_batch, range(opened.num_record_batches))
        else:
            file.seek(0)
            opened = ipc.open_stream(file)
            batches = iter(opened)
        locate_columns(opened.schema.names)
        for batch in batches:
            for first in range(0, len(batch), BLOCK_ROWS):
                yield as_text(batch.slice(first, BLOCK_ROWS))


def as_text(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """The batch with every column as text in bytes."""
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([_text(column) for column in batch.columns], batch.schema.names)


def _text(column: "pa.Array") -> "pa.Array":
    import pyarrow as pa

    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type) or pa.types.is_duration(column.type):
        return pa.array([typed_text(cell) for cell in column.to_pylist()], pa.string()).cast(pa.binary())
    text = column.cast(pa.string())
    text.validate(full=True)  # a file may say that bytes are text which are not UTF-8
    return text.cast(pa.binary())
