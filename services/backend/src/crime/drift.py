"""Whether what comes in is what the model was trained on, and whether its answers still are what they were.

Reference and live counts are compared by feature: population stability index, Jensen-Shannon distance, and a
chi-square test of the two samples with Holm's correction for the number of features. It is drift where chance does not
explain it and it is large, too: with many reports any difference is significant.
"""

import csv
import gzip
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from crime.measures import calibration, calibration_error, log_losses
from crime.schema import CATEGORIES, LEVELS

PSI = 0.1  # the usual threshold of a moderate change; chance's share is taken off before
ALPHA = 0.001
LEAST_SHARE = 0.01  # of the reference; rarer values count together
LEAST = 200  # reports before anything is said
DELAYS = (1, 2, 8, 31, 366)
OTHER = -1
PREDICTED = "predicted category"

Counts = dict[str, dict[str, dict[str, int]]]  # by feature or prediction's level, then value


def values(fields: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What is watched of reports (rows,): a whole number each, NaN where it is not known."""
    codes = fields["mocodes"]
    return {
        "area": fields["area"],
        "hour": fields["time_occ"] // 60,
        "reporting delay": np.where(
            np.isnan(fields["date_rptd"]),
            np.nan,
            np.searchsorted(DELAYS, np.nan_to_num(fields["date_rptd"] - fields["date_occ"]), "right"),
        ),
        "premise": fields["premis_cd"],
        "weapon": fields["weapon_used_cd"],
        "number of MO codes": np.array([np.nan if c is None else min(len(c), 8) for c in codes], float),
    }


def _counted(column: np.ndarray) -> dict[str, int]:
    found, counts = np.unique(column[~np.isnan(column)].astype(int), return_counts=True)
    return dict(zip(map(str, found.tolist()), counts.tolist(), strict=True))


def counts(fields: Mapping[str, np.ndarray]) -> dict[str, dict[str, int]]:
    """How often each feature had which value in training; rare values together."""
    features = {}
    for name, column in values(fields).items():
        counts = _counted(column)
        total = sum(counts.values()) or 1
        kept = {value: count for value, count in counts.items() if count / total >= LEAST_SHARE}
        if rest := total - sum(kept.values()):
            kept[str(OTHER)] = rest
        features[name] = kept
    return features


def reference(features: dict[str, dict[str, int]], confusion: Mapping[str, Any]) -> Counts:
    """What a bundle carries: `counts` in training, and of the categories predicted at each level of detail."""
    predicted = {level: dict(enumerate(np.sum(confusion[level], axis=0).tolist())) for level in LEVELS}
    return {"features": features, "predicted": {k: {str(c): n for c, n in v.items()} for k, v in predicted.items()}}


@dataclass(frozen=True)
class Drift:
    """`psi` with chance's share taken off; `js`: Jensen-Shannon distance, 0 to 1; `p`: of the chi-square test."""

    feature: str
    reports: int
    psi: float
    js: float
    p: float
    drifted: bool = False


def _survival(x: float, degrees: int) -> float:
    """P(chi-square > x), by Wilson and Hilferty's cube root (1931): good to a few per cent of p, without scipy."""
    spread = 2 / (9 * degrees)
    return 0.5 * math.erfc(((x / degrees) ** (1 / 3) - 1 + spread) / math.sqrt(2 * spread))


def _compare(feature: str, before: Mapping[str, int], now: Mapping[str, int]) -> Drift | None:
    """None where there is too little to compare."""
    names = list(before)
    live = dict.fromkeys(names, 0)
    for value, count in now.items():
        live[value if value in live else str(OTHER)] = live.get(value if value in live else str(OTHER), 0) + count
    a = np.array([before.get(name, 0) for name in live], float)
    b = np.array(list(live.values()), float)
    m, n = a.sum(), b.sum()
    keep = a + b > 0
    a, b = a[keep], b[keep]
    if n < LEAST or m < LEAST or len(a) < 2:
        return None
    p, q = (a + 0.5) / (a + 0.5).sum(), (b + 0.5) / (b + 0.5).sum()
    psi = float(((q - p) * np.log(q / p)).sum() - (len(a) - 1) * (1 / m + 1 / n))
    middle = (p + q) / 2
    js = float((p * np.log2(p / middle) + q * np.log2(q / middle)).sum() / 2)
    chi = float((np.square(math.sqrt(m / n) * b - math.sqrt(n / m) * a) / (a + b)).sum())
    return Drift(
        feature, int(n), round(max(0.0, psi), 4), round(math.sqrt(max(0.0, js)), 4), _survival(chi, len(a) - 1)
    )


def compare(known: Counts, live: "Recorded") -> list[Drift]:
    """Every feature, and the predicted categories, the most drifted first; what has too few reports is left out."""
    found = []
    for name, column in values(live.fields).items():
        if name in known["features"] and (drift := _compare(name, known["features"][name], _counted(column))):
            found.append(drift)
    for level, before in known["predicted"].items():
        rows = live.level == level
        drift = _compare(
            f"{PREDICTED}, known to {LEVELS[level].removeprefix('+ ')}",
            before,
            _counted(live.label[rows].astype(float)),
        )
        if drift:
            found.append(drift)
    order = sorted(range(len(found)), key=lambda at: found[at].p)
    still = True
    judged = []
    for rank, at in enumerate(order):  # Holm (1979)
        still = still and found[at].p <= ALPHA / (len(found) - rank)
        judged.append(Drift(**(asdict(found[at]) | {"drifted": still and found[at].psi >= PSI})))
    return sorted(judged, key=lambda drift: -drift.psi)


# -- recorded predictions ----------------------------------------------------------------------------------------

FIELDS = ("date_occ", "date_rptd", "time_occ", "area", "rpt_dist_no", "premis_cd", "weapon_used_cd", "mocodes")
COLUMNS = ("at", "version", "level", "label", *(f"p_{category}" for category in CATEGORIES), "dr_no", *FIELDS)


@dataclass(frozen=True)
class Recorded:
    """Predictions that were given: when (seconds since 1970), by which version, of what, and the answer (rows,)."""

    at: np.ndarray
    version: np.ndarray
    level: np.ndarray
    label: np.ndarray
    probabilities: np.ndarray
    dr_no: np.ndarray
    fields: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: Any) -> "Recorded":
        fields = {name: column[rows] for name, column in self.fields.items()}
        answers = self.label[rows], self.probabilities[rows]
        return Recorded(self.at[rows], self.version[rows], self.level[rows], *answers, self.dr_no[rows], fields)


def written(rows: Iterable[tuple[Any, ...]]) -> bytes:
    """Rows in the order of `COLUMNS` as gzipped CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        *head, codes = row
        writer.writerow([*head, "?" if codes is None else " ".join(codes)])
    return gzip.compress(text.getvalue().encode(), 6)


def read(files: Iterable[bytes]) -> Recorded:
    """What `written` wrote; files that are damaged are left out."""
    rows: list[list[str]] = []
    for content in files:
        try:
            lines = list(csv.reader(io.StringIO(gzip.decompress(content).decode(), newline="")))
        except (OSError, EOFError, ValueError, csv.Error):
            continue
        if lines and tuple(lines[0]) == COLUMNS:
            rows += [line for line in lines[1:] if len(line) == len(COLUMNS)]
    columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(COLUMNS, ())
    fields = {name: np.array(columns[name], float) for name in FIELDS if name != "mocodes"}
    codes = np.empty(len(rows), object)
    codes[:] = [None if text == "?" else tuple(text.split()) for text in columns["mocodes"]]
    return Recorded(
        np.array(columns["at"], float),
        np.array(columns["version"], object),
        np.array(columns["level"], object),
        np.array(columns["label"], int),
        np.array([columns[f"p_{category}"] for category in CATEGORIES], float).T.reshape(-1, len(CATEGORIES)),
        np.array(columns["dr_no"], object),
        fields | {"mocodes": codes},
    )


def performance(live: Recorded, number: np.ndarray, label: np.ndarray) -> list[dict[str, Any]]:
    """How good answers were once the truth came: by week and version, of reports whose `DR_NO` is in a later table."""
    known = dict(zip(number.tolist(), label.tolist(), strict=True))
    rows = np.array([at for at, dr_no in enumerate(live.dr_no) if dr_no in known], int)
    live = live.take(rows)
    truth = np.array([known[dr_no] for dr_no in live.dr_no], int)
    week = (live.at // 604_800).astype(int)
    found = []
    for w, version in sorted({*zip(week.tolist(), live.version.tolist(), strict=True)}):
        chosen = (week == w) & (live.version == version)
        given, right = live.probabilities[chosen], truth[chosen]
        found.append(
            {
                "week": str(np.datetime64(w * 7, "D")),
                "version": version,
                "reports": int(chosen.sum()),
                "accuracy": round(float((given.argmax(1) == right).mean()), 4),
                "log_loss": round(float(log_losses(given, right).mean()), 4),
                "ece": round(calibration_error(calibration(given, right)), 4),
            }
        )
    return found
