"""The fields that speak for a likelier code against the recorded one."""

import numpy as np

from crime.classifier.review.reasons import reason_text
from crime.features.encoder import FeatureEncoder
from crime.reports.table import Reports
from crime.training.classifier.table import row_blocks
from crime.training.review.evidence import CodeTables


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
            texts[row] = reason_text(ratios, fields) or None
    return texts
