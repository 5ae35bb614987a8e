"""Drift: whether live reports differ from the training reports, and predictions from those on the held-out reports.

Counts of each feature are compared by the population stability index (PSI), the Jensen-Shannon distance and a
chi-square test of two samples. A feature has drifted if the test is significant after Holm's correction for the number
of features, and PSI is large as well: with many reports any difference is significant.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from crime.core import bundle_files
from crime.core.bundle_files import SpecPart, Text
from crime.reports.schema import DETAIL_LEVELS

# PSI_THRESHOLD and ALPHA were chosen by experiment, the others set by judgement: docs/method.md
PSI_THRESHOLD = 0.1  # by convention a moderate change
ALPHA = 0.001  # family-wise significance level
MIN_SHARE = 0.01  # of the reference; rarer values are counted together
MIN_REPORTS = 200  # in the reference and live; fewer are not compared
DELAY_BOUNDS = (1, 2, 8, 31, 366)  # days, lower bounds of the classes of reporting delay from the second on
MAX_MO_CODES = 8  # more are counted as this many
OTHER_VALUES = "-1"  # the value that rare values are counted as
PREDICTED_CATEGORY = "predicted category"
Counts = dict[str, int]  # by value


class ReferenceCounts(SpecPart):
    """What drift is measured against: counts by value in training and on the held-out reports.

    `features`: by watched feature, of the training reports. `predicted`: by detail level, of the predicted categories.
    """

    features: Annotated[dict[Text, bundle_files.Counts], Field(max_length=100)]
    predicted: Annotated[dict[Text, bundle_files.Counts], Field(max_length=20)]


def watched_values(fields: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The watched features of reports, by name: whole numbers or texts (rows,), NaN or None where not known."""
    codes = fields["mocodes"]
    return {
        "report system": fields["system"],
        "area": fields["area"],
        "hour": fields["time_occ"] // 60,
        "reporting delay": np.where(
            np.isnan(fields["date_rptd"]),
            np.nan,
            np.searchsorted(DELAY_BOUNDS, np.nan_to_num(fields["date_rptd"] - fields["date_occ"]), "right"),
        ),
        "premise": _code_keys(fields["premis_cd"]),
        "weapon": _code_keys(fields["weapon_used_cd"]),
        "number of MO codes": np.array(
            [np.nan if mocodes is None else min(len(mocodes), MAX_MO_CODES) for mocodes in codes], float
        ),
    }


def _code_keys(codes: np.ndarray) -> np.ndarray:
    """(rows,) codes without their names, as text: where a table has the code its name says nothing more."""
    keys = np.empty(len(codes), object)
    keys[:] = [None if code is None else code._replace(text="" if code.code else code.text).key for code in codes]
    return keys


def _value_counts(column: np.ndarray) -> Counts:
    if column.dtype == object:
        return dict(Counter(value for value in column.tolist() if value is not None))
    values, counts = np.unique(column[~np.isnan(column)].astype(int), return_counts=True)
    return dict(zip(map(str, values.tolist()), counts.tolist(), strict=True))


def count_watched_values(fields: Mapping[str, np.ndarray]) -> dict[str, Counts]:
    """Counts of each watched feature's values, by name and value; rare values are counted as `OTHER_VALUES`."""
    features = {}
    for name, column in watched_values(fields).items():
        counts = _value_counts(column)
        total = sum(counts.values()) or 1
        common = {value: count for value, count in counts.items() if count / total >= MIN_SHARE}
        if rest := total - sum(common.values()):
            common[OTHER_VALUES] = rest
        features[name] = common
    return features


def drift_reference(features: dict[str, Counts], confusion: Mapping[str, Any]) -> ReferenceCounts:
    """The reference in a bundle: counts of `features` in training, and of the categories predicted per detail level.

    `confusion`: (7, 7) per detail level, with a row for each true category.
    """
    predicted: dict[str, Counts] = {
        level: {str(category): count for category, count in enumerate(np.sum(confusion[level], axis=0).tolist())}
        for level in DETAIL_LEVELS
    }
    return ReferenceCounts(features=features, predicted=predicted)


@dataclass(frozen=True)
class ValueShares:
    """The share of the reports that have a value: of the reference, and of the live ones."""

    value: str
    reference: float
    live: float


@dataclass(frozen=True)
class FeatureDrift:
    """How a feature of `reports` live reports differs from the reference.

    `psi`: population stability index less its mean without drift, at least 0. `js`: Jensen-Shannon distance, 0 to 1.
    `p`: p-value of the chi-square test. `values`: shares by value, rare ones together as `OTHER_VALUES`.
    """

    feature: str
    reports: int
    psi: float
    js: float
    p: float
    values: list[ValueShares]
    drifted: bool = False


def chi_square_survival(x: float, degrees: int) -> float:
    """P(chi-square > x), without scipy. Within 20 % of the true value down to 0.001; at 1e-4 up to 60 % above it.

    Wilson and Hilferty, The distribution of chi-square (1931): its cube root is nearly normal.
    """
    spread = 2 / (9 * degrees)
    return 0.5 * math.erfc(((x / degrees) ** (1 / 3) - 1 + spread) / math.sqrt(2 * spread))


def _compare_counts(feature: str, reference: Mapping[str, int], live_counts: Mapping[str, int]) -> FeatureDrift | None:
    """Drift of one feature, from its counts by value; None if there are too few to compare."""
    counts = dict.fromkeys(reference, 0)
    for value, count in live_counts.items():
        counted_as = value if value in counts else OTHER_VALUES
        counts[counted_as] = counts.get(counted_as, 0) + count
    # counts a and b, sizes m and n, shares p and q: of the reference and live
    a = np.array([reference.get(value, 0) for value in counts], float)
    b = np.array(list(counts.values()), float)
    m, n = a.sum(), b.sum()
    shares = zip(counts, (a / max(m, 1)).tolist(), (b / max(n, 1)).tolist(), strict=True)
    occurs = a + b > 0
    a, b = a[occurs], b[occurs]
    if n < MIN_REPORTS or m < MIN_REPORTS or len(a) < 2:
        return None
    p, q = (a + 0.5) / (a + 0.5).sum(), (b + 0.5) / (b + 0.5).sum()
    # without drift, PSI is about (values - 1) (1/m + 1/n) on average: Yurdakul, Statistical properties of PSI (2018)
    psi = float(((q - p) * np.log(q / p)).sum() - (len(a) - 1) * (1 / m + 1 / n))
    mixture = (p + q) / 2
    divergence = float((p * np.log2(p / mixture) + q * np.log2(q / mixture)).sum() / 2)
    chi_square = float((np.square(math.sqrt(m / n) * b - math.sqrt(n / m) * a) / (a + b)).sum())
    return FeatureDrift(
        feature,
        int(n),
        round(max(0.0, psi), 4),
        round(math.sqrt(max(0.0, divergence)), 4),
        chi_square_survival(chi_square, len(a) - 1),
        [ValueShares(value, round(trained, 4), round(live, 4)) for value, trained, live in shares],
    )


def compare_to_reference(
    reference: ReferenceCounts, fields: Mapping[str, np.ndarray], level: np.ndarray, label: np.ndarray
) -> list[FeatureDrift]:
    """Drift of every watched feature and of the categories predicted per detail level, by descending PSI.

    `fields` by column key, `level` (names of detail levels) and `label` (predicted categories) are arrays (rows,).
    Features with too few reports are left out.
    """
    drifts = []
    for name, column in watched_values(fields).items():
        if name in reference.features:
            drifts.append(_compare_counts(name, reference.features[name], _value_counts(column)))
    for name, description in DETAIL_LEVELS.items():
        if name in reference.predicted:
            feature = f"{PREDICTED_CATEGORY}, known to {description.removeprefix('+ ')}"
            live = _value_counts(label[level == name].astype(float))
            drifts.append(_compare_counts(feature, reference.predicted[name], live))
    return sorted(_mark_drifted([drift for drift in drifts if drift]), key=lambda drift: -drift.psi)


def _mark_drifted(drifts: list[FeatureDrift]) -> list[FeatureDrift]:
    """Mark the features that have drifted. Holm, A simple sequentially rejective multiple test procedure (1979)."""
    marked = []
    significant = True
    for rank, drift in enumerate(sorted(drifts, key=lambda drift: drift.p)):
        significant = significant and drift.p <= ALPHA / (len(drifts) - rank)
        marked.append(replace(drift, drifted=significant and drift.psi >= PSI_THRESHOLD))
    return marked
