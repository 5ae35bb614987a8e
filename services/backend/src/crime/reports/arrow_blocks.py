"""Read Parquet, Feather and Arrow streams; every column becomes text, as in a CSV table."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crime.core import limits
from crime.core.errors import DataError
from crime.reports.parsing import locate_columns
from crime.reports.schema import column_key
from crime.reports.typed_cells import typed_text

if TYPE_CHECKING:
    import pyarrow as pa


PARQUET_MAGIC = b"PAR1"
LOCAL_ZONES = ("America/Los_Angeles", "US/Pacific")
BLOCK_ROWS = 32_768  # about as many as a block of a CSV table holds


def read_parquet_blocks(path: Path) -> Iterator["pa.RecordBatch"]:
    """Yield the rows of a Parquet file in batches of text columns. Raises `DataError` if it is no LAPD table."""
    from pyarrow import parquet

    _check_footer(path)
    file = parquet.ParquetFile(path)
    _check_columns(file.schema_arrow.names)
    locate_columns(file.schema_arrow.names)
    yield from map(as_text, file.iter_batches(BLOCK_ROWS))


def _check_footer(path: Path) -> None:
    """Raise `DataError` for a Parquet file that says more of itself than could be read: before it is parsed."""
    with path.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - 8, 0))
        length = int.from_bytes(file.read(4), "little")
    if length > limits.PARQUET_FOOTER_BYTES:
        raise DataError(f"{path.name} can't be read: a footer of {length:,} bytes, or it is damaged")


def _check_columns(names: Sequence[str]) -> None:
    if len(names) > limits.COLUMNS:
        raise DataError(f"{len(names):,} columns: at most {limits.COLUMNS:,}")


def read_folder_blocks(folder: Path) -> Iterator["pa.RecordBatch"]:
    """Yield the rows of a folder of Parquet files, as Spark writes a table. Raises `DataError`.

    Files whose names begin with a dot or an underscore are Spark's own.
    """
    import pyarrow as pa
    from pyarrow import dataset

    paths = [str(part) for part in _parts(folder)]
    for path in paths:
        _check_footer(Path(path))
    files = dataset.dataset(paths, format="parquet", partitioning="hive", partition_base_dir=str(folder))
    try:
        schemas = [fragment.physical_schema for fragment in files.get_fragments()]
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"a part of the folder is damaged: {error}") from None
    files = files.replace_schema(pa.unify_schemas([files.schema, *schemas], promote_options="permissive"))
    _check_columns(files.schema.names)
    spellings: dict[str, str] = {}
    for name in files.schema.names:
        if (other := spellings.setdefault(column_key(name), name)) != name:
            raise DataError(f"the parts of the folder name a column {other!r} and {name!r}: name it one way")
    locate_columns(files.schema.names)
    yield from map(as_text, files.to_batches(batch_size=BLOCK_ROWS))


def _parts(folder: Path) -> list[Path]:
    """The folder's Parquet files. Raises `DataError` if there are none, or others."""
    parts = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(name.startswith((".", "_")) for name in path.relative_to(folder).parts)
    ]
    if not parts:
        raise DataError(f"no Parquet file in the folder {folder.name!r}")
    for part in parts:
        with part.open("rb") as file:
            if file.read(4) != PARQUET_MAGIC:
                raise DataError(f"{part.relative_to(folder)} in the folder is not a Parquet file: take it out")
    return parts


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
        _check_columns(opened.schema.names)
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
    if pa.types.is_timestamp(column.type) and column.type.tz:
        return _zoned_text(column)
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        cells = [cell and cell.decode("utf-8", "replace") for cell in column.to_pylist()]  # such as a geometry
        return pa.array(cells, pa.string()).cast(pa.binary())
    text = column.cast(pa.string())
    text.validate(full=True)  # a file may say that bytes are text which are not UTF-8
    return text.cast(pa.binary())


def _zoned_text(column: "pa.Array") -> "pa.Array":
    """Times of Los Angeles as they are on its clocks; others in UTC, with a Z."""
    import pyarrow as pa
    from pyarrow import compute

    if column.type.tz in LOCAL_ZONES:
        return compute.local_timestamp(column).cast(pa.string()).cast(pa.binary())
    text = column.cast(pa.timestamp(column.type.unit, "UTC")).cast(pa.timestamp(column.type.unit)).cast(pa.string())
    return compute.binary_join_element_wise(text, "Z", "").cast(pa.binary())
