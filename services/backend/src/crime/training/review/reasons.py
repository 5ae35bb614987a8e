"""The fields that speak for a likelier code against the recorded one."""

import numpy as np

from crime.features.definitions import ReportFields
from crime.features.encoder import FeatureEncoder
from crime.features.field_text import value_text
from crime.features.vocabulary import CODED_FIELDS
from crime.reports.sources import FIELD_OF_NAME
from crime.reports.table import Reports
from crime.training.classifier.table import row_blocks
from crime.training.review.evidence import CodeTables

MAX_REASONS = 3


def explain_doubts(
    tables: CodeTables, reports: Reports, fold: np.ndarray, encoder: FeatureEncoder, likelier: np.ndarray
) -> np.ndarray:
    """(n,) text: `Weapon Used Cd 500 UNKNOWN WEAPON; Mocodes 0416 Hit-hit with weapon`, the strongest field first.

    `likelier` (n,): a code for each record, index into `CRIME_CODES`. Where it is the recorded one the text is None.
    """
    texts = np.full(len(reports), None, object)
    position = tables.position
    for block in row_blocks(len(reports)):
        rows = block.start + np.flatnonzero(likelier[block] != reports.code[block])
        doubted = reports.take(rows)
        matrix = encoder.matrix(doubted.fields, len(rows))
        pairs = zip(position[likelier[rows]].tolist(), position[doubted.code].tolist(), strict=True)
        for index, (row, (code, recorded)) in enumerate(zip(rows.tolist(), pairs, strict=True)):
            ratios = tables.folds[fold[row]].log_ratios(matrix[index], code, recorded)
            fields = {key: values[index] for key, values in doubted.fields.items()}
            texts[row] = _text(ratios, fields) or None
    return texts


def _text(ratios: dict[str, float], fields: ReportFields) -> str:
    speaking = {column: ratio for column, ratio in ratios.items() if ratio > 0 and column != "System"}
    if fields["mocodes"]:
        speaking.pop("Mocodes", None)  # the codes that are not given: no field that can be shown
    strongest = sorted(speaking, key=lambda column: -speaking[column])[:MAX_REASONS]
    return "; ".join(_field_text(column, fields) for column in strongest)


def _field_text(column: str, fields: ReportFields) -> str:
    """The column's name with the record's value, of codes with their names."""
    if column.startswith("Mocodes"):
        return f"Mocodes {value_text(column, fields) if fields['mocodes'] else 'none recorded'}"
    key, value = FIELD_OF_NAME[column], value_text(column, fields)
    if key in CODED_FIELDS and (code := fields[key].code) and value != f"code {code}":
        value = f"{code} {value}"
    return f"{column} {value}"
