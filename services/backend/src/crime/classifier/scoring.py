"""Score a table of reports in memory: one list per answer column, in the order of `ANSWER_COLUMNS`."""

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
# called with the fields, probabilities (rows, 7) and levels (rows,) of the reports that were scored
OnScored = Callable[[dict[str, np.ndarray], np.ndarray, np.ndarray], None]


def score_reports(model: CategoryBundle, reports: Reports, on_scored: OnScored | None = None) -> list[list[Any]]:
    """Answer columns, each as long as the reports; a rejected report has an error and None elsewhere."""
    good = np.array([error is None for error in reports.errors], bool)
    label = np.full(len(reports), None, object)
    level, top = label.copy(), label.copy()
    shares = np.full((len(reports), len(CATEGORIES)), None, object)
    if good.any():
        fields = reports.take(np.flatnonzero(good)).fields
        probabilities, levels = model.predict(fields, int(good.sum()))
        if on_scored:
            on_scored(fields, probabilities, levels)
        rounded = probabilities.round(6)
        label[good], level[good] = probabilities.argmax(1), np.array(list(DETAIL_LEVELS), object)[levels]
        top[good], shares[good] = rounded.max(1), rounded
    names = [None if index is None else CATEGORY_NAMES[index] for index in label]
    errors = [None if error is None else str(error) for error in reports.errors]
    return [label.tolist(), names, top.tolist(), level.tolist(), *shares.T.tolist(), errors]


def parse_table(columns: Mapping[str, Sequence[Any]], rows: int) -> Reports:
    """Reports of a table in memory: `rows` cells by column name, in any dialect. Raises `DataError`."""
    encoded = {
        column_key(name): encode_column(plain_cells(cells))
        for name, cells in columns.items()
        if column_key(name) in COLUMNS
    }
    return parse_columns(encoded, rows, Tally())


def score_columns(
    model: CategoryBundle, columns: Mapping[str, Sequence[Any]], rows: int, on_scored: OnScored | None = None
) -> dict[str, list[Any]]:
    """Answer columns by name, for the columns of a table in any known dialect. Raises `DataError`."""
    answer = score_reports(model, parse_table(columns, rows), on_scored)
    return dict(zip(ANSWER_COLUMNS, answer, strict=True))


def plain_cells(cells: Sequence[Any]) -> Sequence[Any]:
    """Hashable cells: a list of MO codes becomes text as LAPD writes it, any other container its text."""
    if not {list, tuple, dict} & set(map(type, cells)):
        return cells
    return [
        " ".join(map(str, cell)) if isinstance(cell, list | tuple) else str(cell) if isinstance(cell, dict) else cell
        for cell in cells
    ]
