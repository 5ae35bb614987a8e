"""Check the messages of an Arrow stream before nanoarrow reads them: it allocates whatever a message declares.

https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format. A message is a prefix, metadata as a
flatbuffer (https://flatbuffers.dev/internals), and a body that holds the buffers where the metadata says.
"""

import struct
from dataclasses import dataclass
from typing import IO, Any

from crime.core import limits
from crime.core.errors import DataError

CONTINUATION = b"\xff\xff\xff\xff"
PREFIX_BYTES = 8  # it, and the length of the metadata
# `Type` of Schema.fbs: how many buffers a column of each has, without those of its parts. Unions, views and
# run-end-encoded columns are not read.
BUFFERS = {1: 0, 2: 2, 3: 2, 4: 3, 5: 3, 6: 2, 7: 2, 8: 2, 9: 2, 10: 2, 11: 2, 12: 2, 13: 1, 15: 2, 16: 1, 17: 2}
BUFFERS |= {18: 2, 19: 3, 20: 3, 21: 2}
INTEGER, TIMESTAMP, STRUCT, LIST_TYPES = 2, 10, 13, (12, 16, 17, 21)
SCHEMA, DICTIONARY_BATCH, RECORD_BATCH = 1, 2, 3  # `MessageHeader` of Arrow's Message.fbs
PREFIX, METADATA, BODY, END = "prefix", "metadata", "body", "end"  # what is read next
NOT_COMPRESSED = -1  # the length before a buffer that is as it is, in a compressed batch


@dataclass(frozen=True)
class _Table:
    """A table of a flatbuffer. Its fields are numbered as in Arrow's Schema.fbs and Message.fbs."""

    data: bytes
    position: int

    def number(self, slot: int, code: str) -> int:
        """A number of the type `code` of the module `struct`; 0 if it is not there."""
        at = self._field(slot)
        return 0 if at is None else _number(self.data, code, at)

    def table(self, slot: int) -> "_Table | None":
        at = self._field(slot)
        return None if at is None else _Table(self.data, at + _number(self.data, "I", at))

    def vector(self, slot: int, size: int) -> tuple[int, int]:
        """Position of the first item, and how many there are, of `size` bytes each."""
        at = self._field(slot)
        if at is None:
            return 0, 0
        start = at + _number(self.data, "I", at)
        count = _number(self.data, "I", start)
        if start + 4 + count * size > len(self.data):
            raise DataError("the Arrow stream is damaged: a list of its metadata is longer than the metadata")
        return start + 4, count

    def tables(self, slot: int) -> list["_Table"]:
        start, count = self.vector(slot, 4)
        items = range(start, start + 4 * count, 4)
        return [_Table(self.data, item + _number(self.data, "I", item)) for item in items]

    def pairs(self, slot: int) -> list[tuple[int, int]]:
        """A vector of structs of two 64-bit numbers."""
        start, count = self.vector(slot, 16)
        return list(struct.iter_unpack("<qq", self.data[start : start + 16 * count]))

    def has(self, slot: int) -> bool:
        return self._field(slot) is not None

    def _field(self, slot: int) -> int | None:
        offsets = self.position - _number(self.data, "i", self.position)
        place = 4 + 2 * slot
        offset = _number(self.data, "H", offsets + place) if place + 2 <= _number(self.data, "H", offsets) else 0
        return self.position + offset if offset else None


def _number(data: bytes, code: str, position: int) -> int:
    if not 0 <= position <= len(data) - struct.calcsize(code):
        raise DataError("the Arrow stream is damaged: its metadata points outside itself")
    (value,) = struct.unpack_from(f"<{code}", data, position)
    return int(value)


class CheckedStream:
    """An Arrow stream for nanoarrow, which asks for each message's prefix, metadata and body by one `readinto` each.

    What a message declares is checked before nanoarrow allocates it, in the very bytes that it gets. `error`: why
    reading has ended, which nanoarrow cuts short.
    """

    def __init__(self, file: IO[bytes]):
        self._file = file
        self._next = PREFIX
        self._length = PREFIX_BYTES  # of what is read next
        self._buffers: list[tuple[int, int]] = []  # of the body to come, if it is compressed: offset and length
        self._schema: _SchemaCheck | None = None
        self._dictionaries: dict[int, int] = {}  # bytes that are held, by id
        self.error: DataError | None = None

    def readinto(self, target: Any) -> int:
        """Raises `DataError`."""
        view = memoryview(target)
        try:
            if self._next == END:
                return 0
            if len(view) != self._length:
                raise DataError("the Arrow stream is damaged")
            read: int = self._file.readinto(view)  # type: ignore[attr-defined]
            if read == len(view):
                self._check(view)
        except DataError as error:
            self.error = error
            raise
        return read

    def _check(self, view: memoryview) -> None:
        if self._next == PREFIX:
            self._check_prefix(bytes(view))
        elif self._next == METADATA:
            self._check_metadata(_Table(bytes(view), _number(bytes(view[:4]), "I", 0)))
        else:
            _check_decompressed(view, self._buffers)
            self._next, self._length = PREFIX, PREFIX_BYTES

    def _check_prefix(self, prefix: bytes) -> None:
        if prefix[:4] != CONTINUATION:
            raise DataError("not an Arrow stream that can be read: a message does not begin with 0xFFFFFFFF")
        self._next, self._length = METADATA, _number(prefix, "i", 4)
        if self._length == 0:
            self._next = END
        elif self._length < 0:
            raise DataError("the Arrow stream is damaged: metadata of less than no bytes")
        _check_metadata_bytes(self._length)

    def _check_metadata(self, message: _Table) -> None:
        kind, header, length = message.number(1, "B"), message.table(2), message.number(3, "q")
        if header is None or length < 0:
            raise DataError("the Arrow stream is damaged: a message has no header")
        _check_bytes(length)
        self._next, self._length = BODY, length
        schema, number = self._schema, header.number(0, "q") if kind == DICTIONARY_BATCH else 0
        if kind == SCHEMA and schema is None:
            self._schema = _SchemaCheck(header)
            self._next, self._length = PREFIX, PREFIX_BYTES
        elif kind == RECORD_BATCH and schema:
            self._check_batch(header, schema.batch, length, limits.ARROW_BATCH_ROWS)
        elif kind == DICTIONARY_BATCH and schema and number in schema.dictionaries and (batch := header.table(1)):
            self._check_batch(batch, schema.dictionaries[number], length, limits.ARROW_VALUES)
            is_delta = header.number(2, "B")
            self._dictionaries[number] = length + (self._dictionaries.get(number, 0) if is_delta else 0)
            _check_bytes(sum(self._dictionaries.values()))
        else:
            raise DataError("the Arrow stream holds something else than record batches")

    def _check_batch(self, batch: _Table, size: "_Size", body_length: int, max_rows: int) -> None:
        rows, nodes, buffers = batch.number(0, "q"), batch.pairs(1), batch.pairs(2)
        if (len(nodes), len(buffers)) != (size.nodes, size.buffers):
            raise DataError("the Arrow stream is damaged: a record batch does not have the columns of the schema")
        if not 0 <= rows <= max_rows:
            raise DataError(f"{rows:,} rows in one record batch: at most {max_rows:,}")
        for values, _ in nodes:
            if not 0 <= values <= limits.ARROW_VALUES:
                raise DataError(f"{values:,} values in one column of a record batch: at most {limits.ARROW_VALUES:,}")
        for offset, length in buffers:
            if min(offset, length) < 0 or offset + length > body_length:
                raise DataError("the Arrow stream is damaged: a buffer reaches beyond its message")
        _check_bytes(sum(length for _, length in buffers))
        self._buffers = buffers if batch.table(3) else []


def _check_bytes(length: int) -> None:
    if length > limits.ARROW_BATCH_BYTES:
        raise DataError(f"{length:,} bytes in one record batch: at most {limits.ARROW_BATCH_BYTES:,}")


class _SchemaCheck:
    """What a schema has: `fields`, bytes of text, and the nodes and buffers of its batches and, by id, dictionaries.

    Fields may share what is below them: a small flatbuffer can have any number of them, as deep as it likes.
    """

    def __init__(self, schema: _Table):
        self.fields = self.text_bytes = 0
        self.dictionaries: dict[int, _Size] = {}
        self._count_texts(schema, 2)
        self.batch = self._sizes(schema, 1, depth=1)

    def _sizes(self, table: _Table, slot: int, depth: int) -> "_Size":
        """The nodes and buffers of all fields below a schema or field together."""
        self.fields += table.vector(slot, 4)[1]
        if depth > limits.ARROW_DEPTH or self.fields > 2 * limits.COLUMNS:
            raise DataError(f"the Arrow stream has more than {limits.COLUMNS:,} columns, or nested ones too deep")
        sizes = [self._size(field, depth) for field in table.tables(slot)]
        return _Size(sum(size.nodes for size in sizes), sum(size.buffers for size in sizes))

    def _size(self, field: _Table, depth: int) -> "_Size":
        self.text_bytes += field.vector(0, 1)[1]
        self._count_texts(field, 6)
        kind, details, children = field.number(2, "B"), field.table(3), field.vector(5, 4)[1]
        if kind not in BUFFERS or details is None:
            raise DataError("the Arrow stream has a column of a type that is not read here, such as a view or union")
        if kind != STRUCT and children != (kind in LIST_TYPES):
            raise DataError("the Arrow stream is damaged: a column has parts that its type does not have")
        if kind == TIMESTAMP:
            self.text_bytes += details.vector(1, 1)[1]  # the time zone
        dictionaries = len(self.dictionaries)
        below = self._sizes(field, 5, depth + 1)
        size = _Size(1 + below.nodes, BUFFERS[kind] + below.buffers)
        encoding = field.table(4)
        if encoding is None:
            return size
        number = encoding.number(0, "q")
        if number in self.dictionaries or len(self.dictionaries) > dictionaries or not encoding.has(1):
            raise DataError("the Arrow stream has a dictionary of two columns, within another or without indices")
        self.dictionaries[number] = size
        return _Size(1, BUFFERS[INTEGER])

    def _count_texts(self, table: _Table, slot: int) -> None:
        """Count the keys and values of a field's or schema's own metadata."""
        self.text_bytes += 4 * table.vector(slot, 4)[1]
        _check_metadata_bytes(self.text_bytes)
        for pair in table.tables(slot):
            if not (pair.has(0) and pair.has(1)):
                raise DataError("the Arrow stream is damaged: its metadata lack a key or value")
            self.text_bytes += pair.vector(0, 1)[1] + pair.vector(1, 1)[1]
        _check_metadata_bytes(self.text_bytes)


@dataclass(frozen=True)
class _Size:
    nodes: int
    buffers: int


def _check_metadata_bytes(length: int) -> None:
    if length > limits.ARROW_METADATA_BYTES:
        raise DataError(f"{length:,} bytes of metadata: at most {limits.ARROW_METADATA_BYTES:,}")


def _check_decompressed(body: memoryview, buffers: list[tuple[int, int]]) -> None:
    """Each buffer of a compressed batch begins with its length once decompressed."""
    total = 0
    for offset, length in buffers:
        if length:
            declared = _number(bytes(body[offset : offset + min(length, 8)]), "q", 0)
            total += length - 8 if declared == NOT_COMPRESSED else declared
            if declared < NOT_COMPRESSED:
                raise DataError("the Arrow stream is damaged: a buffer of less than no bytes")
    _check_bytes(total)
