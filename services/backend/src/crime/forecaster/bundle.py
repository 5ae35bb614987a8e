"""The bundle of `crime-risk`: expected reports of the next 28 days, with intervals. Read with numpy alone.

`forecast.npz` holds for each kind of place (`city`, `area`, `district`) its ids (P,), expected reports by day (P, 28),
shares of shifts and categories by weekday (P, 7, 3, 7), and intervals as tables over a grid of expectations (4, grid)
for four cuts: all reports of a day, of a shift, of a category, of both. `online.json` holds the latest features.
"""

import io
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from crime.core.bundle_files import SPEC_FILE
from crime.core.errors import BundleError
from crime.reports.categories import CATEGORIES

ARRAYS_FILE, FEATURES_FILE = "forecast.npz", "online.json"
PLACE_KINDS = ("city", "area", "district")
CUTS = ("all", "shift", "category", "both")
INTERVAL_BOUNDS = ("low80", "high80", "low95", "high95")


class ForecastBundle:
    """A loaded forecast. `origin` is the day at whose end it was made; day 0 of the horizon is the next one."""

    def __init__(self, directory: Path, version: str | None = None):
        try:
            self.spec: dict[str, Any] = json.loads((directory / SPEC_FILE).read_text())
            contents = {name: (directory / name).read_bytes() for name in (ARRAYS_FILE, FEATURES_FILE)}
            for name, content in contents.items():
                if sha256(content).hexdigest() != self.spec["sha256"][name]:
                    raise BundleError(f"{directory / name} is not the file that was made: its hash differs")
            with np.load(io.BytesIO(contents[ARRAYS_FILE]), allow_pickle=False) as arrays:
                self.arrays: dict[str, np.ndarray] = dict(arrays)
            self.online: dict[str, dict[str, dict[str, int]]] = json.loads(contents[FEATURES_FILE])
            self.version = str(version or self.spec["version"])
            self.origin: int = self.spec["origin"]
            self.horizon: int = self.arrays["city_mean"].shape[1]
        except (OSError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, BundleError):
                raise
            raise BundleError(f"no forecast in {directory}: {error}") from error

    @property
    def name(self) -> str:
        return self.spec["model"]

    def verify(self) -> None:
        """Raise `BundleError` unless every expectation is a number of reports."""
        for kind in PLACE_KINDS:
            mean = self.arrays.get(f"{kind}_mean", np.zeros(1))
            if not (np.isfinite(mean).all() and (mean >= 0).all()):
                raise BundleError(f"{self.name} version {self.version} expects what is no number of reports")

    def ids(self, kind: str) -> np.ndarray:
        return self.arrays.get(f"{kind}_ids", np.zeros(0, int))

    def find(self, kind: str, id_: int) -> int:
        """Index of a place; raises `KeyError` if it had no report."""
        at = int(np.searchsorted(self.ids(kind), id_))
        if at == len(self.ids(kind)) or self.ids(kind)[at] != id_:
            raise KeyError(id_)
        return at

    def expected(
        self, kind: str, days: np.ndarray, shift: int | None = None, category: str | None = None
    ) -> np.ndarray:
        """(P, len(days)) expected reports of every place on days of the horizon, of a shift and category if given."""
        mean = self.arrays[f"{kind}_mean"][:, days].astype(float)
        if shift is None and category is None:
            return mean
        share = self.arrays[f"{kind}_share"][:, (self.origin + 1 + days + 3) % 7]
        share = share.sum(2) if shift is None else share[:, :, shift]
        return mean * (share.sum(-1) if category is None else share[..., list(CATEGORIES).index(category)])

    def bounds(self, kind: str, mean: np.ndarray, shift: int | None = None, category: str | None = None) -> np.ndarray:
        """(4, ...) bounds of the 80 % and 95 % intervals around expected reports, in the order of `BOUNDS`."""
        cut = CUTS[(shift is not None) + 2 * (category is not None)]
        return np.array([np.interp(mean, self.arrays["grid"], row) for row in self.arrays[f"{kind}_{cut}"]]).round()


HORIZON_DAYS = 28
