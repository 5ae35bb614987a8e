"""Score tables, a block of rows at a time, whatever their size."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crime.bundle import Bundle
from crime.data import DataError, Reports, Tally, ahead, blocks, encode, from_1252, from_block, normalise
from crime.schema import CATEGORIES, CATEGORY_NAMES, COLUMNS, LEVELS, key

if TYPE_CHECKING:
    import pyarrow as pa

FORMULA, NUMBER = r"^[=+\-@\t\r]", r"^[+-]?[0-9.]+$"  # what a spreadsheet would run, and what only looks like it
_formula = re.compile(rf"(?!{NUMBER}){FORMULA}").match

ESCAPED = re.compile(b"\xef[\x9e\x9f]")  # how the characters of `data.from_1252` begin in UTF-8

ANSWER = (
    "label",
    "label_name",
    "probability",
    "level",
    *(f"p_{category}" for category in CATEGORIES),
    "error",
)


Seen = Callable[[dict[str, np.ndarray], np.ndarray, np.ndarray], None]


def score(model: Bundle, reports: Reports, seen: Seen | None = None) -> list[list[Any]]:
    """The columns named in `ANSWER`, each a list as long as the reports; None where a report was rejected.

    `seen` is told the fields, probabilities (rows, 7) and levels (rows,) of what was scored.
    """
    good = np.array([error is None for error in reports.errors], bool)
    label = np.full(len(reports), None, object)
    level, top = label.copy(), label.copy()
    shares = np.full((len(reports), len(CATEGORIES)), None, object)
    if good.any():
        fields = reports.take(np.flatnonzero(good)).fields
        probabilities, used = model.predict(fields, int(good.sum()))
        if seen:
            seen(fields, probabilities, used)
        rounded = probabilities.round(6)
        label[good], level[good] = probabilities.argmax(1), np.array(list(LEVELS), object)[used]
        top[good], shares[good] = rounded.max(1), rounded
    names = [None if at is None else CATEGORY_NAMES[at] for at in label]
    return [label.tolist(), names, top.tolist(), level.tolist(), *shares.T.tolist(), reports.errors.tolist()]


def answers(model: Bundle, columns: Mapping[str, Sequence[Any]], rows: int, seen: Seen | None = None) -> dict[str, Any]:
    """The columns of `ANSWER` for a table in memory, whose columns are in any dialect. Raises `DataError`."""
    named = {key(name): encode(plain(cells)) for name, cells in columns.items() if key(name) in COLUMNS}
    return dict(zip(ANSWER, score(model, normalise(named, rows, Tally()), seen), strict=True))


def plain(cells: Sequence[Any]) -> Sequence[Any]:
    """Cells that can be looked up: a list of MO codes as LAPD writes it."""
    if not {list, tuple, dict} & set(map(type, cells)):
        return cells
    return [
        " ".join(map(str, cell)) if isinstance(cell, list | tuple) else str(cell) if isinstance(cell, dict) else cell
        for cell in cells
    ]


def score_file(
    model: Bundle,
    source: Path,
    output: Path,
    tally: Tally,
    progress: Callable[[int], None] = lambda rows: None,
) -> None:
    """Write `source`'s rows with the answer's columns behind them to `output`: .csv, .parquet or .ndjson.

    The output appears under its name only when it is whole. Raises `DataError`.
    """
    writers = {
        ".csv": _write_csv,
        ".parquet": _write_parquet,
        ".ndjson": _write_ndjson,
        ".jsonl": _write_ndjson,
    }
    write = writers.get(output.suffix.lower())
    if write is None:
        raise DataError(f"--output must end in {', '.join(writers)}, not {output.suffix or output.name!r}")
    partial = output.with_name(output.name + ".part")
    try:
        write(partial, _scored(model, source, tally, progress))
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _scored(model: Bundle, source: Path, tally: Tally, progress: Callable[[int], None]) -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa

    kinds = {"label": pa.int8(), "label_name": pa.string(), "level": pa.string(), "error": pa.string()}
    for batch, reports in ahead((batch, from_block(batch, tally)) for batch in blocks(source, tally)):
        answer = score(model, reports)
        columns = [_text(column) for column in batch.columns]
        columns += [
            pa.array(values, kinds.get(name, pa.float64())) for name, values in zip(ANSWER, answer, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, [*batch.schema.names, *ANSWER])
        progress(tally.rows)


def _text(column: "pa.Array") -> "pa.Array":
    import pyarrow as pa

    text = column.cast(pa.string())
    if ESCAPED.search(text.buffers()[2] or b""):  # not UTF-8
        text = pa.array([cell if cell is None else from_1252(cell) for cell in text.to_pylist()], pa.string())
    return text


def _write_csv(path: Path, batches: Iterable["pa.RecordBatch"]) -> None:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    with path.open("wb") as file:
        for at, batch in enumerate(batches):
            batch = pa.RecordBatch.from_arrays(list(map(_tame, batch.columns)), _tamed(batch.schema.names))
            arrow_csv.write_csv(batch, file, arrow_csv.WriteOptions(include_header=at == 0, quoting_style="needed"))


def _tame(column: "pa.Array") -> "pa.Array":
    """Cells that a spreadsheet would run as a formula, behind an apostrophe (OWASP: CSV injection)."""
    import pyarrow as pa
    from pyarrow import compute

    if not pa.types.is_string(column.type):
        return column
    runs = compute.and_not(
        compute.match_substring_regex(column, FORMULA), compute.match_substring_regex(column, NUMBER)
    )
    return compute.if_else(runs, compute.binary_join_element_wise("'", column, ""), column)


def _write_parquet(path: Path, batches: Iterable["pa.RecordBatch"]) -> None:
    from pyarrow import parquet

    writer = None
    try:
        for batch in batches:
            writer = writer or parquet.ParquetWriter(path, batch.schema)
            writer.write_batch(batch)
    finally:
        if writer:
            writer.close()
    if not writer:
        raise DataError("the table has no rows")


def _write_ndjson(path: Path, batches: Iterable["pa.RecordBatch"]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for batch in batches:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in batch.to_pylist())


def score_csv(model: Bundle, lines: Iterable[str], seen: Seen | None = None, block: int = 5_000) -> Iterator[str]:
    """A CSV text with the answer's columns behind its own, a block at a time, without pyarrow (the server's way).

    Rows with the wrong number of cells stay, with an `error`. Raises `DataError` if it is no LAPD table.
    """
    from crime.data import header

    text = _Buffer()
    write = csv.writer(text, lineterminator="\n").writerow
    rows = csv.reader(lines)
    try:
        names = next(rows, None)
        if not names:
            raise DataError("the file is empty")
        names[0] = names[0].removeprefix("\ufeff")
        places = header(names)
        write([*_tamed(names), *ANSWER])
        yield text.take()
        tally = Tally()
        for chunk in _chunks(rows, block):
            whole = [row for row in chunk if len(row) == len(names)]
            columns = {k: encode([row[at] for row in whole]) for k, at in places.items()}
            answers = iter(zip(*score(model, normalise(columns, len(whole), tally), seen), strict=True))
            for row in chunk:
                row = _tamed(row)
                if len(row) == len(names):
                    write([*row, *("" if cell is None else cell for cell in next(answers))])
                else:
                    filled = (row + [""] * len(names))[: len(names)]
                    write([*filled, *[""] * (len(ANSWER) - 1), f"expected {len(names)} cells, found {len(row)}"])
            yield text.take()
    except csv.Error as error:
        raise DataError(f"not a CSV table: {error}") from error


def _tamed(cells: Iterable[str]) -> list[str]:
    """As `_tame`, of a row."""
    return [f"'{cell}" if _formula(cell) else cell for cell in cells]


def _chunks(rows: Iterable[Sequence[str]], size: int) -> Iterator[list[list[str]]]:
    chunk: list[list[str]] = []
    for row in rows:
        if row:
            chunk.append(list(row))
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Buffer:
    """What csv.writer needs of a file: what was written, taken out in pieces."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> None:
        self.parts.append(text)

    def take(self) -> str:
        text, self.parts = "".join(self.parts), []
        return text
