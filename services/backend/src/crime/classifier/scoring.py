"""Score tables, a block of rows at a time, whatever their size."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.reports.categories import CATEGORIES, CATEGORY_NAMES
from crime.reports.parsing import parse_columns
from crime.reports.schema import COLUMNS, DETAIL_LEVELS, column_key
from crime.reports.table import Reports, encode_column
from crime.reports.tally import Tally

ANSWER_COLUMNS = (
    "label",
    "label_name",
    "probability",
    "level",
    *(f"p_{category}" for category in CATEGORIES),
    "error",
)
OnScored = Callable[[dict[str, np.ndarray], np.ndarray, np.ndarray], None]


def score_reports(model: CategoryBundle, reports: Reports, seen: OnScored | None = None) -> list[list[Any]]:
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
        label[good], level[good] = probabilities.argmax(1), np.array(list(DETAIL_LEVELS), object)[used]
        top[good], shares[good] = rounded.max(1), rounded
    names = [None if at is None else CATEGORY_NAMES[at] for at in label]
    return [label.tolist(), names, top.tolist(), level.tolist(), *shares.T.tolist(), reports.errors.tolist()]


def score_columns(
    model: CategoryBundle, columns: Mapping[str, Sequence[Any]], rows: int, seen: OnScored | None = None
) -> dict[str, Any]:
    """The columns of `ANSWER` for a table in memory, whose columns are in any dialect. Raises `DataError`."""
    named = {
        column_key(name): encode_column(plain_cells(cells))
        for name, cells in columns.items()
        if column_key(name) in COLUMNS
    }
    return dict(zip(ANSWER_COLUMNS, score_reports(model, parse_columns(named, rows, Tally()), seen), strict=True))


def plain_cells(cells: Sequence[Any]) -> Sequence[Any]:
    """Cells that can be looked up: a list of MO codes as LAPD writes it."""
    if not {list, tuple, dict} & set(map(type, cells)):
        return cells
    return [
        " ".join(map(str, cell)) if isinstance(cell, list | tuple) else str(cell) if isinstance(cell, dict) else cell
        for cell in cells
    ]
