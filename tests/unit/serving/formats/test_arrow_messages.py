"""An Arrow stream is refused before anything that it declares is allocated, and none crashes the process."""

import io
import random
import struct
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest
from crime.core import limits
from crime.core.errors import DataError
from crime.serving.formats.arrow import column_names, open_arrow
from crime.serving.formats.arrow_messages import CheckedStream

ROWS = 60
TABLE = pa.table(
    {
        "DATE OCC": ["01/02/2020"] * ROWS,
        "TIME OCC": list(range(ROWS)),
        "AREA": pa.array(["3"] * ROWS).dictionary_encode(),
        "Mocodes": [["0344", "1822"]] * ROWS,
        "Premis Cd": pa.nulls(ROWS),
        "place": [{"lat": 34.0}] * ROWS,
        "seen": pa.array([None] * ROWS, pa.timestamp("us", "UTC")),
    }
).replace_schema_metadata({"a": "b"})


def stream(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return out.getvalue()


def rows(body: bytes) -> int:
    with open_arrow(io.BytesIO(body)) as opened:
        column_names(opened)
        try:
            return sum(len(batch) for batch in opened.arrays)
        except RuntimeError as error:
            raise opened.data_error(error) from None


def test_what_pyarrow_writes_is_read() -> None:
    assert rows(stream(TABLE)) == ROWS
    assert rows(stream(TABLE.drop(["AREA"]), compression="zstd")) == ROWS


def test_a_buffer_that_declares_gigabytes_is_refused_before_it_is_unpacked() -> None:
    text = pa.table({"AREA": ["x" * 3_000_000]})
    body = stream(text, compression="zstd")
    declared = struct.pack("<q", 3_000_000)
    assert declared in body
    with pytest.raises(DataError, match="bytes in one record batch: at most 33,554,432"):
        rows(body.replace(declared, struct.pack("<q", 40 << 30)))


def test_buffers_that_unpack_to_more_than_the_limit_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    body = stream(pa.table({"a": ["x" * 3_000_000], "b": ["y" * 3_000_000]}), compression="lz4")
    assert rows(body) == 1
    monkeypatch.setattr(limits, "ARROW_BATCH_BYTES", 5_000_000)
    with pytest.raises(DataError, match=r"6,000,\d+ bytes in one record batch"):
        rows(body)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (pa.table({"AREA": pa.nulls((1 << 31) - 1)}), "2,147,483,647 rows in one record batch: at most 100,000"),
        (
            pa.table({"Mocodes": pa.ListArray.from_arrays(pa.array([0, 1 << 30], pa.int32()), pa.nulls(1 << 30))}),
            "1,073,741,824 values in one column of a record batch",
        ),
        (pa.table({f"c{number}": [1] for number in range(2_001)}), "more than 1,000 columns"),
        (pa.table({"AREA": [1]}).replace_schema_metadata({"a": "x" * (2 << 20)}), "bytes of metadata: at most"),
        (pa.table({"AREA": pa.array(["a"], pa.string_view())}), "such as a view or union"),
    ],
)
def test_values_without_bytes_are_counted(table: pa.Table, told: str) -> None:
    with pytest.raises(DataError, match=told):
        rows(stream(table))


def test_a_dictionary_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    body = stream(pa.table({"AREA": pa.array(["x" * 100_000]).dictionary_encode()}))
    assert rows(body) == 1
    monkeypatch.setattr(limits, "ARROW_BATCH_BYTES", 90_000)
    with pytest.raises(DataError, match="bytes in one record batch: at most 90,000"):
        rows(body)


def test_a_body_longer_than_a_batch_is_refused_before_it_is_read() -> None:
    body = stream(TABLE)
    file = io.BytesIO(body)
    checked = CheckedStream(file)
    schema = bytearray(struct.unpack("<i", body[4:8])[0])
    assert checked.readinto(bytearray(8)) == 8
    assert checked.readinto(schema) == len(schema)
    with pytest.raises(DataError, match="the Arrow stream is damaged"):
        checked.readinto(bytearray(100))


def test_no_damaged_stream_crashes_the_process() -> None:
    """In a process of its own, that would die."""
    done = subprocess.run([sys.executable, "-W", "ignore", __file__], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 100  # damage that no check finds is read


def read_damaged_streams(number: int) -> int:
    """How many of so many damaged streams could be read."""
    from crime.serving.formats import arrow

    chance, readable = random.Random(5), 0
    bodies = [stream(TABLE), stream(TABLE.drop(["AREA"]), compression="zstd")]
    for _ in range(number):
        body = bytearray(chance.choice(bodies))
        for _ in range(chance.randint(1, 3)):
            position = chance.randrange(len(body) - 8)
            size = chance.choice((1, 4, 8))
            position -= position % size
            values = (0, -1, 5, (1 << 8 * size - 1) - 1, -(1 << 8 * size - 1), chance.randrange(100))
            body[position : position + size] = chance.choice(values).to_bytes(size, "little", signed=True)
        try:
            with open_arrow(io.BytesIO(body)) as opened:
                names = column_names(opened)
                for batch in opened.arrays:
                    for column in range(len(names)):
                        with suppress(DataError):  # of the place
                            arrow._column("mocodes", batch, column, range(len(batch)))
            readable += 1
        except DataError:
            pass
    return readable


if __name__ == "__main__":
    print(read_damaged_streams(3_000))
