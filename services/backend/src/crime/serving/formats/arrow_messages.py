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
TIMESTAMP, UNION = 10, 14  # `Type` of Schema.fbs
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
        if kind == SCHEMA:
            _check_schema(header)
            self._next, self._length = PREFIX, PREFIX_BYTES
        elif kind == RECORD_BATCH:
            self._check_batch(header, length, limits.ARROW_BATCH_ROWS)
        elif kind == DICTIONARY_BATCH and (batch := header.table(1)):
            self._check_batch(batch, length, limits.ARROW_VALUES)
            number, is_delta = header.number(0, "q"), header.number(2, "B")
            self._dictionaries[number] = length + (self._dictionaries.get(number, 0) if is_delta else 0)
            _check_bytes(sum(self._dictionaries.values()))
        else:
            raise DataError("the Arrow stream holds something else than record batches")

    def _check_batch(self, batch: _Table, body_length: int, max_rows: int) -> None:
        rows, buffers = batch.number(0, "q"), batch.pairs(2)
        if not 0 <= rows <= max_rows:
            raise DataError(f"{rows:,} rows in one record batch: at most {max_rows:,}")
        for values, _ in batch.pairs(1):
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


def _check_schema(schema: _Table) -> None:
    """Fields may share what is below them: a small flatbuffer can have any number of them, as deep as it likes."""
    text_bytes = _text_bytes(schema, 2, 0)
    level, depth, fields = [schema], 0, 0
    while level:
        slot = 5 if depth else 1  # of the fields of a field, or of a schema
        depth, fields = depth + 1, fields + sum(table.vector(slot, 4)[1] for table in level)
        if depth > limits.ARROW_DEPTH or fields > 2 * limits.COLUMNS:
            raise DataError(f"the Arrow stream has more than {limits.COLUMNS:,} columns, or nested ones too deep")
        level = [field for table in level for field in table.tables(slot)]
        for field in level:
            text_bytes = _text_bytes(field, 6, text_bytes + field.vector(0, 1)[1])
            if field.number(2, "B") in (TIMESTAMP, UNION) and (kind := field.table(3)):
                text_bytes += kind.vector(1, 1)[1]  # the time zone, or the types' numbers


def _text_bytes(table: _Table, slot: int, so_far: int) -> int:
    """`so_far` and the length of all keys and values of a field's or schema's own metadata."""
    _check_metadata_bytes(so_far + 4 * table.vector(slot, 4)[1])
    pairs = table.tables(slot)
    total = so_far + 4 * len(pairs) + sum(pair.vector(0, 1)[1] + pair.vector(1, 1)[1] for pair in pairs)
    _check_metadata_bytes(total)
    return total


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
