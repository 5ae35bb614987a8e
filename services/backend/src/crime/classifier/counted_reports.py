"""The reports that a model was trained and tested on, as far as they are counted: when, where and what.

A bundle holds them in `counts.npz`, a row a report. Bundles of earlier releases have `counts.npy` instead, cells of
whole months without districts and crime codes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from crime.core import limits
from crime.core.bundle_arrays import ArrayRule, read_array, read_arrays
from crime.core.days import FIRST_DAY, LAST_DAY, weekday
from crime.core.errors import BundleError
from crime.reports.categories import CATEGORIES, CRIME_CODES

COUNTS_FILE = "counts.npz"
HOURS_PER_SHIFT = 8
# columns of `counts.npz` with the smallest kind of number that holds them: a report takes 12 bytes of memory
STORED = {
    "day": np.int32,
    "hour": np.uint8,
    "area": np.uint8,
    "category": np.uint8,
    "district": np.uint16,
    "code": np.uint16,
}
MAX_AREA, MAX_DISTRICT = 21, 9_999
RULES = {
    "codes": ArrayRule("text", ("codes",)),
    "day": ArrayRule("integer", ("reports",), FIRST_DAY, LAST_DAY),
    "hour": ArrayRule("integer", ("reports",), 0, 23),
    "area": ArrayRule("integer", ("reports",), 0, MAX_AREA),
    "category": ArrayRule("integer", ("reports",), 0, len(CATEGORIES) - 1),
    "district": ArrayRule("integer", ("reports",), 0, MAX_DISTRICT),
    "code": ArrayRule("integer", ("reports",), 0, len(CRIME_CODES) - 1),
}
MONTHLY_BOUNDS = (12 * (2199 - 1970), MAX_AREA, len(CATEGORIES) - 1, 6, 23)  # of the columns of `counts.npy`


@dataclass(frozen=True)
class CountedReports:
    """Reports as arrays (n,), a row a report.

    `day` counts from 1970-01-01. `district`: 0 where not known, or where places are told no finer than their area.
    `code`: index into `codes`, which are keys such as `legacy:510`. In bundles of earlier releases `day` is the first
    one of the month, `size` the reports that a row stands for, and districts and codes are not known.
    """

    day: np.ndarray
    weekday: np.ndarray  # 0 for Monday
    hour: np.ndarray
    area: np.ndarray
    category: np.ndarray  # index into `CATEGORIES`
    district: np.ndarray | None = None
    code: np.ndarray | None = None
    codes: tuple[str, ...] = ()
    size: np.ndarray | None = None

    @property
    def by_day(self) -> bool:
        """Whether days, districts and crime codes are known, and not only months."""
        return self.size is None

    @classmethod
    def of_rows(cls, columns: Mapping[str, np.ndarray], codes: Sequence[str]) -> "CountedReports":
        """From the columns that `STORED` names, each (n,) of whole numbers. Raises `KeyError` if one is missing."""
        stored = {name: columns[name].astype(kind) for name, kind in STORED.items()}
        return cls(weekday=weekday(stored["day"]).astype(np.uint8), codes=tuple(codes), **stored)

    @classmethod
    def load(cls, content: bytes) -> "CountedReports":
        """Read what `save` wrote. Raises `BundleError`."""
        arrays = read_arrays(content, RULES, {"reports": limits.COUNTED_REPORTS, "codes": len(CRIME_CODES)})
        codes = arrays.pop("codes").tolist()
        if not len(arrays["day"]):
            raise BundleError("counts no reports")
        if arrays["code"].max() >= len(codes) or len(set(codes)) < len(codes):
            raise BundleError("code: names crime codes that are not there, or there twice")
        if unknown := set(codes) - {f"{crime.system}:{crime.code}" for crime in CRIME_CODES}:
            raise BundleError(f"codes: no crime code {min(unknown)[:60]!r}")
        return cls.of_rows(arrays, codes)

    @classmethod
    def load_months(cls, content: bytes) -> "CountedReports":
        """Read `counts.npy` of an earlier release. Raises `BundleError`."""
        rule = ArrayRule("integer", ("cells", 6), 0, 10**9)
        table = read_array(content, "counts", rule, {"cells": limits.COUNTED_REPORTS})
        if not len(table) or (table[:, :5].max(0) > MONTHLY_BOUNDS).any():
            raise BundleError("counts: a month, area, category, weekday or hour is none")
        month, area, category, day_of_week, hour, size = table.T
        day = month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int32)
        return cls(day, day_of_week, hour, area, category, size=size)

    def save(self, directory: Path) -> None:
        """Write `counts.npz`."""
        columns = {name: getattr(self, name) for name in STORED}
        np.savez_compressed(directory / COUNTS_FILE, allow_pickle=False, codes=np.array(self.codes), **columns)

    def take(self, rows: np.ndarray) -> "CountedReports":
        """The reports at these row numbers, or where this is True."""
        columns = {name: column[rows] for name, column in vars(self).items() if isinstance(column, np.ndarray)}
        return replace(self, **columns)

    def matches(
        self,
        days: tuple[int, int],
        areas: Sequence[int] = (),
        districts: Sequence[int] = (),
        categories: Sequence[int] = (),
        codes: Sequence[str] = (),
        shifts: Sequence[int] = (),
    ) -> np.ndarray:
        """(n,) bool: the reports from a first to a last day, of any of each of these; an empty sequence is all."""
        chosen = (self.day >= days[0]) & (self.day <= days[1])
        wanted_codes = [index for index, key in enumerate(self.codes) if key in codes]
        for column, asked, values in (
            (self.area, areas, areas),
            (self.district, districts, districts),
            (self.category, categories, categories),
            (self.code, codes, wanted_codes),
            (self.hour // HOURS_PER_SHIFT, shifts, shifts),
        ):
            if asked:
                chosen &= np.False_ if column is None else np.isin(column, values)
        return chosen

    def totals(self, index: np.ndarray, values: int) -> list[int]:
        """How many reports have each of the values 0 to `values` - 1 of a column (n,)."""
        totals: list[int] = np.bincount(index, self.size, values).astype(int).tolist()
        return totals
