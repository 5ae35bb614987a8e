"""Held-out reports that a bundle carries, so that two versions can be compared on the same ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crime.core.bundle_arrays import ArrayRule, read_arrays
from crime.core.days import FIRST_DAY, LAST_DAY
from crime.core.errors import BundleError
from crime.features.definitions import describe_feature
from crime.features.vocabulary import CODED_FIELDS
from crime.reports.categories import CATEGORIES
from crime.reports.parsing import OBJECT_FIELDS
from crime.reports.sources import CIRCUMSTANCES, FIELDS
from crime.reports.systems import SYSTEMS, Code
from crime.reports.table import Reports

MAX_HELD_OUT = 5_000  # reports, the newest: more would grow every bundle and hardly sharpen a comparison
NOT_KNOWN = "?"
ALWAYS_STORED = ("system", "mocodes", *CODED_FIELDS, *CIRCUMSTANCES)  # whichever features a model has
# what is stored of a report: of most fields NaN means not known
_KNOWN: dict[str, ArrayRule] = {
    "date_occ": ArrayRule("number", ("reports",), FIRST_DAY, LAST_DAY, required=False),
    "time_occ": ArrayRule("number", ("reports",), 0, 1439, required=False),
    "area": ArrayRule("number", ("reports",), 1, 21, required=False),
    "system": ArrayRule("number", ("reports",), 0, len(SYSTEMS) - 1),
    "label": ArrayRule("integer", ("reports",), 0, len(CATEGORIES) - 1),
    "mocodes": ArrayRule("text", ("reports",)),
    **{key: ArrayRule("text", ("reports",)) for key in CODED_FIELDS},
}
RULES: dict[str, ArrayRule] = {
    **{key: ArrayRule("number", ("reports",), -1e6, 1e6, False, False) for key in FIELDS if key not in OBJECT_FIELDS},
    **_KNOWN,
}


@dataclass(frozen=True)
class HeldOutReports:
    """The newest reports that the judged model did not see: `fields` as in `Reports`, and `label` (rows,)."""

    fields: dict[str, np.ndarray]
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    @property
    def minute(self) -> np.ndarray:
        """(rows,) when each happened, in minutes since 1970-01-01."""
        minute: np.ndarray = self.fields["date_occ"] * 1440 + self.fields["time_occ"]
        return minute

    def after(self, minute: int) -> "HeldOutReports":
        """Those that happened after a minute since 1970-01-01."""
        later = self.minute > minute
        return HeldOutReports({name: column[later] for name, column in self.fields.items()}, self.label[later])

    @classmethod
    def newest(cls, reports: Reports, features: list[str]) -> "HeldOutReports":
        """The last `MAX_HELD_OUT` of reports in order of time, with only the fields that the features read."""
        last = slice(-MAX_HELD_OUT, None)
        columns = {source for name in features for source in describe_feature(name).source}
        fields = {
            key: values[last]
            for key, values in reports.fields.items()
            if key in ALWAYS_STORED or (key in FIELDS and FIELDS[key].name in columns)
        }
        return cls(fields, reports.label[last])

    def save(self, path: Path) -> None:
        """Write to a compressed NumPy archive, MO codes, premises and weapons as text."""
        mocodes = [NOT_KNOWN if codes is None else " ".join(codes) for codes in self.fields["mocodes"]]
        texts = {"mocodes": np.array(mocodes, np.str_)}
        for key in CODED_FIELDS:
            texts[key] = np.array([NOT_KNOWN if code is None else code.key for code in self.fields[key]], np.str_)
        np.savez_compressed(path, **self.fields | texts | {"label": self.label})  # type: ignore[arg-type]

    @classmethod
    def load(cls, content: bytes) -> "HeldOutReports":
        """Read what `save` wrote; fields that are not stored are unknown. Raises `BundleError`."""
        fields = read_arrays(content, RULES, {"reports": MAX_HELD_OUT})
        label = fields.pop("label")
        if not len(label):
            raise BundleError("holds no reports")
        unknown = {key: np.full(len(label), np.nan) for key in FIELDS if key not in OBJECT_FIELDS}
        texts: dict[str, list[Any]] = {
            "mocodes": [None if text == NOT_KNOWN else tuple(text.split()) for text in fields["mocodes"].tolist()]
        }
        try:
            for key in CODED_FIELDS:
                texts[key] = [None if text == NOT_KNOWN else Code.from_key(text) for text in fields[key].tolist()]
        except ValueError as error:
            raise BundleError(f"{key}: {error}") from None
        for name, values in texts.items():
            fields[name] = np.empty(len(label), object)
            fields[name][:] = values
        return cls({**unknown, **fields}, label)
