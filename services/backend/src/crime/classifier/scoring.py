"""Score tables with the category model, a block of rows at a time, whatever their size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.reports.categories import CATEGORIES, CATEGORY_NAMES
from crime.reports.cells import OMITTED
from crime.reports.parsing import first_filled, parse_columns
from crime.reports.schema import DETAIL_LEVELS, column_key
from crime.reports.sources import READ_COLUMNS
from crime.reports.table import EncodedColumn, Reports, encode_column
from crime.reports.tally import Tally

ANSWER_COLUMNS = (
    "label",
    "label_name",
    "probability",
    "level",
    *(f"p_{category}" for category in CATEGORIES),
    "error",
)
PROBABILITY_DECIMALS = 6
HASHED_TYPES = {str, int, float, type(None), type(OMITTED)}  # of cells that are encoded as they are


@dataclass(frozen=True)
class ScoredReports:
    """Answers to a block of reports. Rows of rejected reports hold NaN and level 0.

    `probabilities`: (rows, 7). `level`: (rows,) index into `DETAIL_LEVELS`. `errors`: (rows,) None, or the `CellError`
    that a report was rejected for. `seconds`: the time the model took for the whole block.
    """

    probabilities: np.ndarray
    level: np.ndarray
    errors: np.ndarray
    seconds: float

    @property
    def accepted(self) -> np.ndarray:
        """(rows,) whether each report was scored."""
        accepted: np.ndarray = self.errors == None  # noqa: E711 (elementwise)
        return accepted

    def columns(self) -> dict[str, list[Any]]:
        """The columns named in `ANSWER_COLUMNS`; of a rejected report all but `error` are None."""
        rows, accepted = len(self.errors), self.accepted
        label = np.full(rows, None, object)
        level, top = label.copy(), label.copy()
        shares = np.full((rows, len(CATEGORIES)), None, object)
        if accepted.any():
            rounded = self.probabilities[accepted].round(PROBABILITY_DECIMALS)
            label[accepted] = self.probabilities[accepted].argmax(1)
            level[accepted] = np.array(list(DETAIL_LEVELS), object)[self.level[accepted]]
            top[accepted], shares[accepted] = rounded.max(1), rounded
        names = [None if index is None else CATEGORY_NAMES[index] for index in label]
        errors = [None if error is None else str(error) for error in self.errors]
        columns = (label.tolist(), names, top.tolist(), level.tolist(), *shares.T.tolist(), errors)
        return dict(zip(ANSWER_COLUMNS, columns, strict=True))


ScoreBlock = Callable[[Reports], ScoredReports]  # scores a block of a table


def score_reports(model: CategoryBundle, reports: Reports) -> ScoredReports:
    """Score a block of reports; those with an error get no answer."""
    rows = len(reports)
    accepted = np.flatnonzero(reports.accepted)
    fields = reports.fields if len(accepted) == rows else reports.take(accepted).fields
    probabilities, level = np.full((rows, len(CATEGORIES)), np.nan), np.zeros(rows, int)
    start = perf_counter()
    if len(accepted):
        probabilities[accepted], level[accepted] = model.predict(fields, len(accepted))
    return ScoredReports(probabilities, level, reports.errors, perf_counter() - start)


def parse_table(columns: Mapping[str, Sequence[Any]], rows: int) -> Reports:
    """Reports of a table in memory: `rows` cells by column name, in any dialect. Raises `DataError`.

    Each row is a report of its own, read as strictly as one that comes alone: a value that can't be read is an error.
    """
    encoded: dict[str, EncodedColumn] = {}
    for name, cells in columns.items():
        if (key := column_key(name)) in READ_COLUMNS:
            column = encode_cells(key, cells)
            encoded[key] = first_filled(encoded[key], column) if key in encoded else column
    return parse_columns(encoded, rows, Tally(), reading="payload")


def score_columns(model: CategoryBundle, columns: Mapping[str, Sequence[Any]], rows: int) -> dict[str, list[Any]]:
    """Answer columns by name, for the columns of a table in any known dialect. Raises `DataError`."""
    return score_reports(model, parse_table(columns, rows)).columns()


def encode_cells(key: str, cells: Sequence[Any]) -> EncodedColumn:
    """The distinct cells of a column as text, null and NaN as `OMITTED`. Equal numbers (1, 1.0) take the first's text.

    A list of MO codes is joined by spaces, as LAPD writes them.
    """
    if not set(map(type, cells)) <= HASHED_TYPES:
        cells = [_hashable(key, cell) for cell in cells]
    distinct, index = encode_column(cells)
    return [OMITTED if cell is None or cell is OMITTED or cell != cell else str(cell) for cell in distinct], index


def _hashable(key: str, cell: Any) -> Any:
    """A hashable value for a cell, by which cells of different spelling stay apart: `True` is not 1."""
    if isinstance(cell, np.ndarray):  # pandas' list of Arrow
        cell = cell.tolist()
    if isinstance(cell, list | tuple) and key == "mocodes":
        return " ".join(map(str, cell))
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    return str(cell) if isinstance(cell, list | tuple | dict | bool) else cell
