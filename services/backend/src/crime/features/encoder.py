"""Encode reports as the feature matrix of the category model."""

from collections.abc import Mapping, Sequence
from itertools import chain, repeat

import numpy as np

from crime.features.definitions import FIXED_FEATURES, MO_PREFIX, ReportFields, describe_feature
from crime.features.vocabulary import Coded, Vocabulary, legacy_vocabularies
from crime.reports.sources import FIELDS
from crime.reports.systems import Code


class FeatureEncoder:
    """Encodes reports as float32 features, in the order of `names`: fixed features first, then those of MO codes.

    NaN means not known. `fixed`: column and definition of each fixed feature. `mo`: the column of each MO code.
    """

    def __init__(self, names: Sequence[str], vocabularies: Mapping[Coded, Vocabulary] | None = None):
        """`vocabularies`: of premises and weapons; those of LAPD's own codes if not given."""
        self.names = list(names)
        self.vocabularies = vocabularies or legacy_vocabularies()
        self.fixed = [(column, describe_feature(name)) for column, name in enumerate(names) if name in FIXED_FEATURES]
        self.mo = {
            name.removeprefix(MO_PREFIX): column for column, name in enumerate(names) if name not in FIXED_FEATURES
        }
        self.mo_columns = slice(len(self.fixed), len(self.names))

    def matrix(self, fields: ReportFields, rows: int, extra_columns: int = 0) -> np.ndarray:
        """(rows, features + extra_columns) of many reports, each field an array (rows,); extra columns hold zeros."""
        matrix = np.zeros((rows, len(self.names) + extra_columns), np.float32)
        fields = dict(fields)
        for coded, vocabulary in self.vocabularies.items():
            fields[coded] = vocabulary.numbers(fields[coded])
        for column, feature in self.fixed:
            matrix[:, column] = feature.compute(fields)
        if self.mo:
            codes = fields["mocodes"]
            known_codes = [report_codes or () for report_codes in codes]
            row = np.repeat(np.arange(rows), np.fromiter(map(len, known_codes), np.intp, rows))
            columns = np.fromiter(map(self.mo.get, chain.from_iterable(known_codes), repeat(-1)), np.intp, len(row))
            matrix[row[columns >= 0], columns[columns >= 0]] = 1
            matrix[codes == None, self.mo_columns] = np.nan  # noqa: E711 (elementwise)
        return matrix

    def vector(self, fields: ReportFields) -> np.ndarray:
        """(features,) of one report, each field a scalar."""
        vector, codes = np.zeros(len(self.names), np.float32), fields["mocodes"]
        fields = dict(fields)
        for coded, vocabulary in self.vocabularies.items():
            fields[coded] = vocabulary.number(fields[coded])
        vector[: len(self.fixed)] = [feature.compute(fields) for _, feature in self.fixed]
        if codes is None:
            vector[self.mo_columns] = np.nan
        else:
            for code in codes:
                if (column := self.mo.get(code)) is not None:
                    vector[column] = 1
        return vector

    def unmet_codes(self, fields: ReportFields) -> list[str]:
        """Codes of one report's premise and weapon that the vocabularies lack, such as `Premis Cd RB`; not used."""
        unmet = (self.unmet_code(name, fields[name]) for name in self.vocabularies)
        return [text for text in unmet if text]

    def unmet_code(self, name: Coded, code: Code | None) -> str:
        """A code that the vocabulary lacks, with its column (`Premis Cd RB`); blank for a known code and for None."""
        is_unmet = code is not None and np.isnan(self.vocabularies[name].number(code))
        return f"{FIELDS[name].name} {code.shown}" if code is not None and is_unmet else ""
