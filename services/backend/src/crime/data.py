"""Read LAPD tables: CSV, gzip, zip or Parquet, in every dialect seen, a block of rows at a time.

Nothing is dropped in silence: a `Tally` counts what was read, repaired (by kind) and rejected (by reason).
"""

import codecs
import csv
import gzip
import itertools
import lzma
import re
import struct
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from sys import intern
from typing import IO, TYPE_CHECKING, Any, TypeVar

import numpy as np

from crime.memory import give_back
from crime.schema import BLANK_IS_NONE, COLUMNS, REQUIRED, crime_category, key, known_code

if TYPE_CHECKING:  # pyarrow stays out of the serving image
    import pyarrow as pa

BLOCK_BYTES = 8 << 20
BLOCK_ROWS = 32_768
EXAMPLES = 3
LONGEST_KEPT = 80  # characters of a cell that is remembered
BLANK = ""
NOT_UTF8 = 0xF700  # added to a byte that is not UTF-8, while its row is cut into cells
SIMULATED = "SIMULATED"  # what stands as LOCATION in every row of a simulated table

NOT_GIVEN: Any = object()  # a cell that is not there, which says less than one that is blank

Encoded = tuple[Sequence[Any], np.ndarray]  # distinct cells, and for each row the index of its own


class DataError(ValueError):
    """The file as a whole can't be read; the message says why and what was expected."""


@dataclass
class Tally:
    """What a reader met. `examples` holds up to three (row number, cell) for each reason of rejection.

    `rejects`, if given, is a CSV file that receives the rejected rows as they stand, the reason before them.
    """

    rejects: Path | None = None
    rows: int = 0
    simulated: int = 0  # rows that say they were simulated
    misshapen: list[int] = field(default_factory=list)  # numbers of the rows no reader could cut into cells
    repaired: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    @property
    def rejected_rows(self) -> int:
        return self.rejected.total()

    def reject(self, reason: str, row: int, cell: str) -> None:
        """`row` counts well-shaped rows from 1; the example shows the number among all rows."""
        self.rejected[reason] += 1
        shown = self.examples.setdefault(reason, [])
        if len(shown) < EXAMPLES:
            for before in self.misshapen:
                row += before <= row
            shown.append((row, cell[:80]))

    def reject_misshapen(self, reason: str, number: int, text: str) -> None:
        self.rows += 1
        self.rejected[reason] += 1
        self.misshapen.append(number)
        shown = self.examples.setdefault(reason, [])
        if len(shown) < EXAMPLES:
            shown.append((number, text[:80]))

    def keep(self, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Append rejected rows (each with its reason first) to the `rejects` file."""
        if self.rejects:
            fresh = self.rejects not in self._started
            self._started.add(self.rejects)
            with self.rejects.open("w" if fresh else "a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([["reason", *names], *rows] if fresh else rows)

    _started: set[Path] = field(default_factory=set, repr=False)

    def as_dict(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "simulated": self.simulated,
            "repaired": dict(self.repaired.most_common()),
            "rejected": dict(self.rejected.most_common()),
            "examples": self.examples,
        }


@dataclass
class Reports:
    """A block of reports, one array a column, n rows long.

    `fields`: by column key; dates are days since 1970-01-01, `time_occ` minutes of the day, codes numbers with
    0 for "none recorded"; NaN (for `mocodes` None) is not known. `code`: LAPD's crime code, 0 unknown; `label`:
    index of its category, -1 unknown. `errors`: for each row None or why it was rejected; a rejected row's fields
    mean nothing.
    """

    fields: dict[str, np.ndarray]
    code: np.ndarray
    label: np.ndarray
    errors: np.ndarray

    def __len__(self) -> int:
        return len(self.errors)

    def take(self, rows: np.ndarray | slice) -> "Reports":
        fields = {k: v[rows] for k, v in self.fields.items()}
        return Reports(fields, self.code[rows], self.label[rows], self.errors[rows])

    @property
    def minute(self) -> np.ndarray:
        """When each happened, in minutes since 1970-01-01."""
        return self.fields["date_occ"] * 1440 + self.fields["time_occ"]

    def sort(self) -> None:
        """Put them in the order in which they happened, those of one minute by number; in place, column by column."""
        number = self.fields["dr_no"]
        try:
            number = number.astype(np.int64)  # a fifth of the room that text takes
        except (TypeError, ValueError, OverflowError):
            number = number.astype(str)
        order = np.lexsort((number, self.minute))
        if (np.diff(order) != 1).any():
            for name in self.fields:
                self.fields[name] = self.fields[name][order]
            self.code, self.label, self.errors = self.code[order], self.label[order], self.errors[order]


def encode(cells: Sequence[Any]) -> Encoded:
    """Distinct cells and each row's index among them."""
    seen: dict[Any, int] = defaultdict(itertools.count().__next__)
    index = np.fromiter(map(seen.__getitem__, cells), np.intp, len(cells))
    return list(seen), index


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are not UTF-8, each as a character for private use, told from all others when its cell is read."""
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(NOT_UTF8 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("crime-escaped", _escaped)
_as_1252 = {NOT_UTF8 + byte: bytes([byte]).decode("cp1252", "replace") for byte in range(128, 256)}
_not_utf8 = re.compile(f"[{chr(NOT_UTF8 + 128)}-{chr(NOT_UTF8 + 255)}]").search


def from_1252(text: str) -> str:
    """With bytes that were not UTF-8 read as Windows-1252."""
    return text.translate(_as_1252)


def _as_text(cell: Any) -> tuple[str, str | None]:
    """A cell as stripped text ('' for blank) and what was repaired on the way."""
    repair = None
    if cell is None or cell != cell:  # None or NaN
        return "", None
    text = cell.decode() if isinstance(cell, bytes) else str(cell)
    if not text.isascii() and _not_utf8(text):
        text, repair = from_1252(text), "not UTF-8, read as Windows-1252"
    stripped = text.strip()
    if len(stripped) != len(text):
        repair = repair or "spaces around a value"
    return ("" if stripped.lower() in ("nan", "null", "none", "nat") else stripped), repair


def _plain_texts(cells: Sequence[Any]) -> np.ndarray | None:
    """Bytes cells as text, at once; None if any needs a closer look."""
    try:
        joined = b"\n".join(cells)
        texts = joined.decode("ascii").split("\n")
    except (TypeError, UnicodeDecodeError):
        return None
    if len(texts) != len(cells) or not joined.replace(b"\n", b"").isalnum() or b"" in cells:
        return None
    return np.array(texts, object)


def _plain_mocodes(cells: Sequence[Any]) -> np.ndarray | None:
    """MO codes in bytes cells as LAPD writes them, or blank, at once; None if any needs a closer look."""
    try:
        joined = b"\n".join([cell or b"0000" for cell in cells])
    except TypeError:
        return None
    gaps = np.flatnonzero(np.isin(np.frombuffer(joined + b"\n", np.uint8), (ord(" "), ord("\n"))))
    texts = joined.decode("latin-1").split("\n")
    if joined.translate(None, b"0123456789 \n") or (np.diff(gaps, prepend=-1) != 5).any() or len(texts) != len(cells):
        return None
    # interned: there are some hundred codes, and millions of reports
    codes = (
        tuple(dict.fromkeys(map(intern, text.split(" ")))) if cell else ()
        for cell, text in zip(cells, texts, strict=True)
    )
    return np.fromiter(codes, object, len(cells))


PLAIN = {"dr_no": _plain_texts, "mocodes": _plain_mocodes}  # of columns whose cells nearly all differ


@lru_cache(1 << 16, typed=True)
def _read(name: str, cell: Any, strict: bool) -> tuple[Any, str | None, str | None]:
    """Value of a cell of column `name`, what was repaired, and why it can't be read: `BLANK`, or what was expected.

    Tables say the same again and again, block after block: each cell is read once.
    """
    column = COLUMNS[name]
    if strict:
        text, repair = "" if cell is NOT_GIVEN else str(cell).strip(), None
    else:
        text, repair = _as_text(cell)
    if not text:
        none = name in BLANK_IS_NONE and cell is not NOT_GIVEN
        return (() if name == "mocodes" else 0) if none else None, repair, BLANK
    assert column.parse
    try:
        value, mended = column.parse(text)
    except ValueError as error:
        return None, repair, str(error)
    if name in ("premis_cd", "weapon_used_cd") and value is not None and not known_code(name, value):
        return None, f"{column.name}: code not in LAPD's table, taken as not known", None
    return value, mended or repair, None


def normalise(
    columns: Mapping[str, Encoded],
    rows: int,
    tally: Tally,
    labelled: bool = False,
    only: Collection[str] | None = None,
    strict: bool = False,
) -> Reports:
    """Parse and check a block of columns (by key), or `only` some; counts repairs and rejections in `tally`.

    Unreadable optional cells become "not known" and count as repaired; an unreadable or blank required cell,
    and with `labelled` a crime code that no category is known for, rejects the row. If `strict` whatever can't be
    read does, and a date of report before the event.
    """
    first = tally.rows - len(tally.misshapen) + 1
    tally.rows += rows
    errors = np.full(rows, None, object)
    fields: dict[str, np.ndarray] = {}
    code, label = np.zeros(rows, int), np.full(rows, -1)
    wanted = [k for k, column in COLUMNS.items() if column.parse and (labelled or k != "crm_cd")]
    if only is not None:
        wanted = [k for k in wanted if k in only or k == "crm_cd"]
    for name in wanted:
        column, encoded = COLUMNS[name], columns.get(name)
        if encoded is None:
            if name in REQUIRED or (labelled and name == "crm_cd"):
                raise DataError(f"no column {column.name!r}")
            fields[name] = np.full(rows, None, object) if name in ("mocodes", "dr_no") else np.full(rows, np.nan)
            continue
        cells, index = encoded
        if name in PLAIN and (known := PLAIN[name](cells)) is not None:
            fields[name] = known[index]
            continue
        values: list[Any] = []
        bad: dict[int, str] = {}
        required = column.required or (labelled and name == "crm_cd")
        counts = np.bincount(index, minlength=len(cells)).tolist()
        for at, cell in enumerate(cells):
            short = not isinstance(cell, str | bytes) or len(cell) <= LONGEST_KEPT
            value, repair, error = (_read if short else _read.__wrapped__)(name, cell, strict)
            if error == BLANK:
                if required and counts[at]:
                    bad[at] = f"{column.name} is blank"
            elif error is not None and (required or strict):
                bad[at] = f"{column.name}: {error}"
            elif error is not None:
                repair = f"{column.name} unreadable, taken as not known"
            if name == "crm_cd" and value is not None and value not in crime_category():
                bad[at] = f"Crm Cd: no category is known for code {value}"
            if repair and counts[at]:
                tally.repaired[repair] += counts[at]
            values.append(value)
        if bad:
            for row in np.flatnonzero(np.isin(index, list(bad))):
                if errors[row] is None:
                    errors[row] = bad[index[row]]
                    cell = cells[index[row]]
                    tally.reject(bad[index[row]], first + int(row), "" if cell is NOT_GIVEN else _as_text(cell)[0])
        if name == "crm_cd":
            code = np.array([v or 0 for v in values], int)[index]
            label = np.array([crime_category().get(v, -1) for v in values], int)[index]
        elif name in ("mocodes", "dr_no"):
            lookup = np.empty(len(values), object)
            lookup[:] = values
            fields[name] = lookup[index]
        else:
            fields[name] = np.array([np.nan if v is None else v for v in values], float)[index]
    early = fields["date_rptd"] < fields["date_occ"]
    if early.any() and strict:
        errors[early & (errors == None)] = "Date Rptd: expected a date not before DATE OCC"  # noqa: E711 (elementwise)
    elif early.any():
        tally.repaired["Date Rptd before DATE OCC, taken as not known"] += int(early.sum())
        fields["date_rptd"][early] = np.nan
    return Reports(fields, code, label, errors)


def from_rows(rows: Sequence[Mapping[str, Any]], tally: Tally, labelled: bool = False) -> Reports:
    """Reports from records (dicts by any dialect of LAPD's column names), all with the same keys."""
    names = {key(name): name for name in reversed(list(rows[0]))} if rows else {}
    columns = {k: encode([row[name] for row in rows]) for k, name in names.items() if k in COLUMNS}
    return normalise(columns, len(rows), tally, labelled)


def header(names: Sequence[str]) -> dict[str, int]:
    """Where each column stands, by key; of a name that comes twice the first counts."""
    places: dict[str, int] = {}
    for at, name in enumerate(names):
        places.setdefault(key(name), at)
    missing = [COLUMNS[k].name for k in REQUIRED if k not in places]
    if missing:
        shown = ", ".join(repr(name[:40]) for name in names[:30])
        raise DataError(f"not an LAPD table: no column {', '.join(map(repr, missing))}; it has {shown}")
    return places


@contextmanager
def unpacked(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    """The table's bytes, out of gzip or zip (told by content, not by name); `raw` is at its start and can seek."""
    magic = raw.read(4)
    raw.seek(0)
    if magic[:2] == b"\x1f\x8b":
        with gzip.open(raw) as plain:
            yield plain  # type: ignore[misc]
    elif magic == b"PK\x03\x04":
        with _zipped(raw) as plain:
            yield plain
    else:
        yield raw


def _zipped(raw: IO[bytes]) -> IO[bytes]:
    """The one table in a zip."""
    try:
        archive = zipfile.ZipFile(raw)
        members = [m for m in archive.namelist() if m.lower().endswith((".csv", ".txt"))]
        if len(members) == 1:
            return archive.open(members[0])
    except (RuntimeError, ValueError, struct.error) as error:  # encrypted, or packed in a way that is not known
        raise DataError(f"the zip can't be read: {error}") from error
    raise DataError(f"expected one CSV file in the zip, found {len(members)}: {members[:5]}")


UNREADABLE = (EOFError, csv.Error, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile)


class _Utf8:
    """A table's stream, whose first bytes were already read, as valid UTF-8 whatever is in it (see `_escaped`)."""

    def __init__(self, head: bytes, rest: IO[bytes], encoding: str):
        self._head, self._rest, self._plain, self._ready = head, rest, encoding == "utf-8", b""
        self._decoder = codecs.getincrementaldecoder(encoding)("crime-escaped" if self._plain else "replace")

    def read(self, size: int) -> bytes:
        """So many bytes, fewer only at the end."""
        parts, missing = [self._ready], size - len(self._ready)
        while missing > 0:
            raw, self._head = self._head or self._rest.read(missing), b""
            if not raw or not self._plain or not raw.isascii() or self._decoder.getstate()[0]:
                parts.append(self._decoder.decode(raw, not raw).encode())
            else:
                parts.append(raw)
            missing -= len(parts[-1])
            if not raw:
                break
        found = b"".join(parts) if len(parts) > 1 else parts[0]
        self._ready = found[size:]
        return found[:size]


def _whole_rows(text: bytes, delimiter: bytes) -> int:
    """How many of the bytes, which begin with a row, are whole rows: up to the last line's end outside of quotes.

    A quote opens at a cell's start alone, as pyarrow has it; elsewhere it is a character like any other.
    """
    cells = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(cells == ord('"'))
    opens = np.zeros(256, bool)
    opens[list(delimiter + b'\r\n"')] = True  # after a quote: one that is doubled, and text goes on
    if not opens[cells[quotes[::2] - 1][quotes[::2] > 0]].all():
        pattern = rb'"(?:(?<=[%b\r\n]")|(?<=\A"))(?:[^"]++|"")*+(?:"|\Z)' % re.escape(delimiter)
        quotes = np.fromiter((at for found in re.finditer(pattern, text) for at in found.span()), np.int64)
    line_end = b"\n" if b"\n" in text else b"\r"
    end = text.rfind(line_end)
    while (before := np.searchsorted(quotes, end, "right")) % 2:
        end = text.rfind(line_end, 0, quotes[before - 1])
    return end + 1


def _row_blocks(rest: bytes, source: _Utf8, delimiter: str) -> Iterator[bytes]:
    """Whole rows, up to `BLOCK_BYTES` of them at a time.

    pyarrow's own streams are not for Python's files: they read ahead in a thread that outlives an error, and the
    interpreter aborts if it ends meanwhile.
    """
    while text := rest + source.read(BLOCK_BYTES - len(rest)):
        end = _whole_rows(text, delimiter.encode()) if len(text) == BLOCK_BYTES else len(text)
        if not end:
            raise csv.Error(f"a row is longer than {BLOCK_BYTES >> 20} MB, or a quote is never closed")
        yield text[:end]
        rest = text[end:]


def _csv_blocks(stream: IO[bytes], tally: Tally) -> Iterator["pa.RecordBatch"]:
    """Batches of binary columns, named as in the file (a name that comes twice keeps its first)."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    head = stream.read(1 << 16)
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    source = _Utf8(head.removeprefix(b"\xef\xbb\xbf"), stream, encoding)
    head = source.read(1 << 16)
    line, _, rest = re.match(rb"([^\r\n]*)(\r?\n|\r)?(.*)", head, re.DOTALL).groups()  # type: ignore[union-attr]
    line = line.decode("utf-8", "replace")
    if not line.strip():
        raise DataError("the file is empty")
    delimiter = max(",;\t|", key=line.count)
    try:
        names = next(csv.reader([line], delimiter=delimiter))
    except csv.Error as error:
        raise DataError(f"no header of column names: {error}") from None
    header(names)
    places: dict[str, tuple[int, str]] = {}
    for at, name in enumerate(names):
        places.setdefault(key(name), (at, name))
    repeated = len(names) - len(places)
    if repeated:
        tally.repaired["column named twice, the first is read"] += repeated

    met: list[tuple[int, str]] = []  # number and text of rows that can't be cut into cells

    def invalid(row: Any) -> str:
        met.append((row.number, from_1252(row.text or "")))
        return "skip"

    numbered = [str(at) for at in range(len(names))]
    kept = [(str(at), name) for at, name in places.values()]

    def parsed() -> Iterator[tuple["pa.RecordBatch | None", list[tuple[int, str]]]]:
        before = 0
        for text in ahead(_row_blocks(rest, source, delimiter)):
            batches = []
            try:
                batches = arrow_csv.read_csv(
                    pa.BufferReader(text),
                    read_options=arrow_csv.ReadOptions(
                        column_names=numbered, block_size=len(text) + 1, use_threads=False
                    ),
                    parse_options=arrow_csv.ParseOptions(
                        delimiter=delimiter, newlines_in_values=True, invalid_row_handler=invalid
                    ),
                    convert_options=arrow_csv.ConvertOptions(
                        column_types=dict.fromkeys(numbered, pa.binary()), include_columns=[at for at, _ in kept]
                    ),
                ).to_batches()
            except pa.ArrowInvalid as error:
                if "Empty CSV" not in str(error):
                    raise
            misshapen = [(before + number, text) for number, text in met]
            before += len(met) + sum(map(len, batches))
            met.clear()
            for batch in batches or [None]:
                yield batch and batch.rename_columns([name for _, name in kept]), misshapen
                misshapen = []

    for batch, misshapen in ahead(parsed()):
        for number, text in misshapen:
            reason = "wrong number of columns"
            tally.reject_misshapen(reason, number, text)
            tally.keep([name for _, name in places.values()], [[reason, text]])
        if batch is not None:
            yield batch


T = TypeVar("T")


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, the next one made in a thread while one is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _parquet_blocks(path: Path) -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    header(file.schema_arrow.names)
    for batch in file.iter_batches(BLOCK_ROWS):
        columns = [
            pa.array([None if v is None else " ".join(map(str, v)) for v in column.to_pylist()], pa.binary())
            if pa.types.is_list(column.type)
            else column.cast(pa.string()).cast(pa.binary())
            for column in batch.columns
        ]
        yield pa.RecordBatch.from_arrays(columns, batch.schema.names)


def blocks(path: Path, tally: Tally) -> Iterator["pa.RecordBatch"]:
    """The file's rows as they are, a block at a time, whatever its size.

    Raises `DataError` if the file is no LAPD table or ends early; what was read before stays counted.
    """
    import pyarrow as pa

    try:
        with path.open("rb") as raw:
            parquet = raw.read(4) == b"PAR1"
        if parquet:
            yield from _parquet_blocks(path)
        else:
            with path.open("rb") as raw, unpacked(raw) as stream:
                yield from _csv_blocks(stream, tally)
    except (*UNREADABLE, pa.ArrowException, OSError) as error:
        after = f" after {tally.rows:,} rows" if tally.rows else ""
        raise DataError(f"{path.name} can't be read{after}: {error}") from error


def from_block(
    batch: "pa.RecordBatch", tally: Tally, labelled: bool = False, only: Collection[str] | None = None
) -> Reports:
    """Parse a block that `blocks` gave."""
    columns: dict[str, Encoded] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        column_key = key(name)
        wanted = column_key in COLUMNS and COLUMNS[column_key].parse and column_key not in columns
        if wanted and (only is None or column_key in only or column_key == "crm_cd"):
            if column_key == "dr_no":
                columns[column_key] = column.to_pylist(), np.arange(len(column))
                continue
            coded = column.dictionary_encode(null_encoding="encode")
            columns[column_key] = coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False)
    reports = normalise(columns, len(batch), tally, labelled, only)
    tally.simulated += _simulated(batch)
    _keep(batch, reports, np.flatnonzero(reports.errors != None), tally)  # noqa: E711 (elementwise)
    return reports


def _simulated(batch: "pa.RecordBatch") -> int:
    import pyarrow as pa
    from pyarrow import compute

    places = [at for at, name in enumerate(batch.schema.names) if key(name) == "location"]
    if not places:
        return 0
    column = batch.column(places[0])
    return compute.sum(compute.equal(column, pa.scalar(SIMULATED, column.type))).as_py() or 0


def _keep(batch: "pa.RecordBatch", reports: Reports, rows: np.ndarray, tally: Tally) -> None:
    """Write rejected rows as they stand to the tally's file, if it has one."""
    import pyarrow as pa

    if tally.rejects and len(rows):
        cells = [[_as_text(cell)[0] for cell in column.take(pa.array(rows)).to_pylist()] for column in batch]
        tally.keep(batch.schema.names, list(zip(reports.errors[rows], *cells, strict=True)))


def good(path: Path, tally: Tally, labelled: bool = True, fields: Collection[str] | None = None) -> Iterator[Reports]:
    """The good reports of a file, a block at a time, or only some `fields` and the report's number.

    A report number that comes again is rejected. Raises `DataError` at the end if there was no good report.
    """
    seen: set[int | str] = set()
    found = False
    for batch in blocks(path, tally):
        first = tally.rows - len(tally.misshapen)
        part = from_block(batch, tally, labelled, fields and {*fields, "dr_no"})
        again = []
        for row, text in enumerate(part.fields["dr_no"]):
            if text is not None and part.errors[row] is None:
                # as a number it takes half the room; a leading zero tells texts apart
                plain = len(text) < 19 and text.isascii() and text.isdecimal() and text[0] != "0"
                number = int(text) if plain else text
                if number in seen:
                    part.errors[row] = "DR_NO: this report number came before"
                    tally.reject(part.errors[row], first + row + 1, text)
                    again.append(row)
                seen.add(number)
        _keep(batch, part, np.array(again, int), tally)
        part = part.take(np.flatnonzero(part.errors == None))  # noqa: E711 (elementwise)
        found = found or len(part) > 0
        yield part
    if not found:
        raise DataError(f"{path.name}: no report could be read ({tally.rejected_rows} rows rejected)")


def load(path: Path, tally: Tally, labelled: bool = True) -> Reports:
    """All good reports of a file, in memory. Raises `DataError` where there is none."""
    parts = list(good(path, tally, labelled))
    columns: dict[str, np.ndarray] = {}
    for name in list(parts[0].fields):
        columns[name] = np.concatenate([part.fields.pop(name) for part in parts])
        give_back()  # or all would be there twice
    return Reports(
        columns,
        np.concatenate([part.code for part in parts]),
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.errors for part in parts]),
    )


@contextmanager
def sample() -> Iterator[Path]:
    """The embedded 7,888 real reports of 2020 to 2024, a random draw of about 1 in 127."""
    with as_file(files("crime") / "tables" / "sample.csv.gz") as path:
        yield path
