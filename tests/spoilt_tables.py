"""A small table of reports in each kind of file, and a strategy that spoils it."""

import gzip
import io
import json
import zipfile

import openpyxl
import pyarrow as pa
from hypothesis import strategies as st
from pyarrow import feather, parquet

HEAD = "DR_NO,DATE OCC,TIME OCC,AREA,Premis Cd,Mocodes\n"
LINE = "1,01/15/2023 12:00:00 AM,1430,1,101,0344\n"
TABLE = (HEAD + LINE * 50).encode()


def spoilt(table: bytes) -> st.SearchStrategy[bytes]:
    """The table with a part replaced, cut out, doubled or cut off."""
    position = st.integers(0, len(table))
    return st.one_of(
        st.binary(max_size=300),
        st.tuples(position, position, st.binary(max_size=20)).map(
            lambda t: table[: min(t[:2])] + t[2] + table[max(t[:2]) :]
        ),
        position.map(lambda end: table[:end]),
    )


def parquet_file() -> bytes:
    """The same table as Parquet, every cell text."""
    file = io.BytesIO()
    names, cells = HEAD.strip().split(","), LINE.strip().split(",")
    parquet.write_table(pa.table({name: [cell] * 50 for name, cell in zip(names, cells, strict=True)}), file)
    return file.getvalue()


def zip_file(table: bytes, name: str = "reports.csv", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with the table as its one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, table)
    return file.getvalue()


def feather_file() -> bytes:
    file = io.BytesIO()
    feather.write_feather(parquet.read_table(io.BytesIO(parquet_file())), file)
    return file.getvalue()


def workbook_file() -> bytes:
    workbook, file = openpyxl.Workbook(), io.BytesIO()
    assert workbook.active
    for line in TABLE.decode().splitlines():
        workbook.active.append(line.split(","))
    workbook.save(file)
    return file.getvalue()


def json_lines() -> bytes:
    report = json.dumps(dict(zip(HEAD.strip().split(","), LINE.strip().split(","), strict=True)))
    return f"{report}\n".encode() * 50


KINDS = {
    "csv": TABLE,
    "utf-16": TABLE.decode().encode("utf-16"),
    "gzip": gzip.compress(TABLE),
    "zip": zip_file(TABLE),
    "parquet": parquet_file(),
    "feather": feather_file(),
    "workbook": workbook_file(),
    "json lines": json_lines(),
    "json": b"[" + b",".join(json_lines().splitlines()) + b"]",
}
