"""A model bundle: one directory of data, never code. `spec.json`, a LightGBM model for each level of detail, the
evidence that is an input of each, and the counts of reports that the page shows.

A report is scored by the model of the most that is known of it: `place_time`, `premise`, `weapon` or `report`.
Each was also trained on copies with fields hidden at random, so that whatever is missing below its level
leaves it calibrated.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crime.features.definitions import describe_feature
from crime.reports.schema import COLUMNS

MAX_HELD_OUT = 5_000  # of the newest reports that training did not see, carried to compare models by


@dataclass(frozen=True)
class HeldOutReports:
    """The newest reports that training did not see: their fields, one array each, and labels (rows,)."""

    fields: dict[str, np.ndarray]
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    @classmethod
    def of(cls, reports: Any, features: list[str]) -> "HeldOutReports":
        """From `data.Reports` in time's order; no victim columns unless a feature reads them."""
        late = slice(-MAX_HELD_OUT, None)
        read = {source for name in features for source in describe_feature(name).source}
        kept = {k: v[late] for k, v in reports.fields.items() if COLUMNS[k].name in read}
        return cls(kept, reports.label[late])

    def save(self, path: Path) -> None:
        """As arrays: MO codes joined by blanks, `?` where they are not known."""
        codes = np.array(["?" if c is None else " ".join(c) for c in self.fields["mocodes"]], np.str_)
        arrays = self.fields | {"mocodes": codes, "label": self.label}
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "HeldOutReports":
        """Read what `save` wrote; fields that the model does not read are not known."""
        with np.load(path, allow_pickle=False) as arrays:
            fields = {name: arrays[name] for name in arrays.files if name != "label"}
            label = arrays["label"]
        codes = np.empty(len(label), object)
        codes[:] = [None if text == "?" else tuple(text.split()) for text in fields["mocodes"].tolist()]
        unknown = {k: np.full(len(label), np.nan) for k, c in COLUMNS.items() if c.parse}
        return cls({**unknown, **fields, "mocodes": codes}, label)
