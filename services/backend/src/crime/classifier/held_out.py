"""Held-out reports that a bundle carries, so that two versions can be compared on the same ones."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crime.features.definitions import describe_feature
from crime.reports.schema import COLUMNS
from crime.reports.table import Reports

MAX_HELD_OUT = 5_000  # reports, the newest: more would grow every bundle and hardly sharpen a comparison
MO_NOT_KNOWN = "?"


@dataclass(frozen=True)
class HeldOutReports:
    """The newest reports that training did not see: `fields` as in `Reports`, and `label` (rows,)."""

    fields: dict[str, np.ndarray]
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    @classmethod
    def newest(cls, reports: Reports, features: list[str]) -> "HeldOutReports":
        """The last `MAX_HELD_OUT` of reports in order of time, with only the fields that the features read."""
        last = slice(-MAX_HELD_OUT, None)
        columns = {source for name in features for source in describe_feature(name).source}
        fields = {name: column[last] for name, column in reports.fields.items() if COLUMNS[name].name in columns}
        return cls(fields, reports.label[last])

    def save(self, path: Path) -> None:
        """Write to a compressed NumPy archive, MO codes as text."""
        mocodes = [MO_NOT_KNOWN if codes is None else " ".join(codes) for codes in self.fields["mocodes"]]
        arrays = self.fields | {"mocodes": np.array(mocodes, np.str_), "label": self.label}
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "HeldOutReports":
        """Read what `save` wrote; fields that are not stored are unknown."""
        with np.load(path, allow_pickle=False) as arrays:
            fields = {name: arrays[name] for name in arrays.files if name != "label"}
            label = arrays["label"]
        mocodes = np.empty(len(label), object)
        mocodes[:] = [None if text == MO_NOT_KNOWN else tuple(text.split()) for text in fields["mocodes"].tolist()]
        unknown = {name: np.full(len(label), np.nan) for name, column in COLUMNS.items() if column.parse}
        return cls({**unknown, **fields, "mocodes": mocodes}, label)
