"""Whether what comes in is what the model was trained on, and whether its answers still are what they were.

Reference and live counts are compared by feature: population stability index, Jensen-Shannon distance, and a
chi-square test of the two samples with Holm's correction for the number of features. It is drift where chance does not
explain it and it is large, too: with many reports any difference is significant.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from crime.reports.schema import DETAIL_LEVELS

PSI_THRESHOLD = 0.1  # the usual threshold of a moderate change; chance's share is taken off before
ALPHA = 0.001
MIN_SHARE = 0.01  # of the reference; rarer values count together
MIN_REPORTS = 200  # reports before anything is said
DELAY_BOUNDS = (1, 2, 8, 31, 366)
OTHER_VALUES = -1
PREDICTED_CATEGORY = "predicted category"
ReferenceCounts = dict[str, dict[str, dict[str, int]]]  # by feature or prediction's level, then value


def watched_values(fields: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What is watched of reports (rows,): a whole number each, NaN where it is not known."""
    codes = fields["mocodes"]
    return {
        "area": fields["area"],
        "hour": fields["time_occ"] // 60,
        "reporting delay": np.where(
            np.isnan(fields["date_rptd"]),
            np.nan,
            np.searchsorted(DELAY_BOUNDS, np.nan_to_num(fields["date_rptd"] - fields["date_occ"]), "right"),
        ),
        "premise": fields["premis_cd"],
        "weapon": fields["weapon_used_cd"],
        "number of MO codes": np.array([np.nan if c is None else min(len(c), 8) for c in codes], float),
    }


def _value_counts(column: np.ndarray) -> dict[str, int]:
    found, counts = np.unique(column[~np.isnan(column)].astype(int), return_counts=True)
    return dict(zip(map(str, found.tolist()), counts.tolist(), strict=True))


def count_watched_values(fields: Mapping[str, np.ndarray]) -> dict[str, dict[str, int]]:
    """How often each feature had which value in training; rare values together."""
    features = {}
    for name, column in watched_values(fields).items():
        counts = _value_counts(column)
        total = sum(counts.values()) or 1
        kept = {value: count for value, count in counts.items() if count / total >= MIN_SHARE}
        if rest := total - sum(kept.values()):
            kept[str(OTHER_VALUES)] = rest
        features[name] = kept
    return features


def drift_reference(features: dict[str, dict[str, int]], confusion: Mapping[str, Any]) -> ReferenceCounts:
    """What a bundle carries: `counts` in training, and of the categories predicted at each level of detail."""
    predicted = {level: dict(enumerate(np.sum(confusion[level], axis=0).tolist())) for level in DETAIL_LEVELS}
    return {"features": features, "predicted": {k: {str(c): n for c, n in v.items()} for k, v in predicted.items()}}


@dataclass(frozen=True)
class FeatureDrift:
    """`psi` with chance's share taken off; `js`: Jensen-Shannon distance, 0 to 1; `p`: of the chi-square test."""

    feature: str
    reports: int
    psi: float
    js: float
    p: float
    drifted: bool = False


def chi_square_survival(x: float, degrees: int) -> float:
    """P(chi-square > x), by Wilson and Hilferty's cube root (1931): good to a few per cent of p, without scipy."""
    spread = 2 / (9 * degrees)
    return 0.5 * math.erfc(((x / degrees) ** (1 / 3) - 1 + spread) / math.sqrt(2 * spread))


def _compare_counts(feature: str, before: Mapping[str, int], now: Mapping[str, int]) -> FeatureDrift | None:
    """None where there is too little to compare."""
    names = list(before)
    live = dict.fromkeys(names, 0)
    for value, count in now.items():
        live[value if value in live else str(OTHER_VALUES)] = (
            live.get(value if value in live else str(OTHER_VALUES), 0) + count
        )
    a = np.array([before.get(name, 0) for name in live], float)
    b = np.array(list(live.values()), float)
    m, n = a.sum(), b.sum()
    keep = a + b > 0
    a, b = a[keep], b[keep]
    if n < MIN_REPORTS or m < MIN_REPORTS or len(a) < 2:
        return None
    p, q = (a + 0.5) / (a + 0.5).sum(), (b + 0.5) / (b + 0.5).sum()
    psi = float(((q - p) * np.log(q / p)).sum() - (len(a) - 1) * (1 / m + 1 / n))
    middle = (p + q) / 2
    js = float((p * np.log2(p / middle) + q * np.log2(q / middle)).sum() / 2)
    chi = float((np.square(math.sqrt(m / n) * b - math.sqrt(n / m) * a) / (a + b)).sum())
    return FeatureDrift(
        feature,
        int(n),
        round(max(0.0, psi), 4),
        round(math.sqrt(max(0.0, js)), 4),
        chi_square_survival(chi, len(a) - 1),
    )


def compare_to_reference(
    known: ReferenceCounts, fields: Mapping[str, np.ndarray], level: np.ndarray, label: np.ndarray
) -> list[FeatureDrift]:
    """Drift of every feature, and of the categories `label` predicted at each `level`, the most drifted first.

    All arrays are (rows,). What has too few reports is left out.
    """
    found = []
    for name, column in watched_values(fields).items():
        if name in known["features"] and (
            drift := _compare_counts(name, known["features"][name], _value_counts(column))
        ):
            found.append(drift)
    for known_level, before in known["predicted"].items():
        rows = level == known_level
        drift = _compare_counts(
            f"{PREDICTED_CATEGORY}, known to {DETAIL_LEVELS[known_level].removeprefix('+ ')}",
            before,
            _value_counts(label[rows].astype(float)),
        )
        if drift:
            found.append(drift)
    order = sorted(range(len(found)), key=lambda at: found[at].p)
    still = True
    judged = []
    for rank, at in enumerate(order):  # Holm (1979)
        still = still and found[at].p <= ALPHA / (len(found) - rank)
        judged.append(FeatureDrift(**(asdict(found[at]) | {"drifted": still and found[at].psi >= PSI_THRESHOLD})))
    return sorted(judged, key=lambda drift: -drift.psi)
