"""Every input of the model, declared once: training and serving compute them with the same lines.

A feature is a function of a report's fields (see `data.Reports`), scalars or arrays alike. None may read a column
that follows from the answer (`Crm Cd*`, `Part 1-2`, `Status`).
"""

from collections.abc import Sequence
from itertools import chain, repeat

import numpy as np

from crime.features.definitions import _BY_NAME, MO_PREFIX, ReportFields, describe_feature


class FeatureEncoder:
    """Turns reports into the model's matrix: float32, one row a report, one column a name in `names`."""

    def __init__(self, names: Sequence[str]):
        self.names = list(names)
        self.plain = [(at, describe_feature(n)) for at, n in enumerate(names) if n in _BY_NAME]
        self.mo = {n.removeprefix(MO_PREFIX): at for at, n in enumerate(names) if n not in _BY_NAME}
        self.mo_columns = slice(len(self.plain), len(self.names))  # they come behind

    def matrix(self, fields: ReportFields, rows: int, further: int = 0) -> np.ndarray:
        """(rows, features + further) of `rows` reports, with room behind; each field is an array of that length."""
        matrix = np.zeros((rows, len(self.names) + further), np.float32)
        for at, feature in self.plain:
            matrix[:, at] = feature.compute(fields)
        if self.mo:
            codes = fields["mocodes"]
            given = [each or () for each in codes]
            row = np.repeat(np.arange(rows), np.fromiter(map(len, given), np.intp, rows))
            column = np.fromiter(map(self.mo.get, chain.from_iterable(given), repeat(-1)), np.intp, len(row))
            matrix[row[column >= 0], column[column >= 0]] = 1
            matrix[codes == None, self.mo_columns] = np.nan  # noqa: E711 (elementwise)
        return matrix

    def vector(self, fields: ReportFields) -> np.ndarray:
        """(features,) of one report; each field is a scalar."""
        vector, codes = np.zeros(len(self.names), np.float32), fields["mocodes"]
        vector[: len(self.plain)] = [feature.compute(fields) for _, feature in self.plain]
        if codes is None:
            vector[self.mo_columns] = np.nan
        else:
            for code in codes:
                if (at := self.mo.get(code)) is not None:
                    vector[at] = 1
        return vector
