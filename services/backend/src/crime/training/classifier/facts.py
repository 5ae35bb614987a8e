"""Facts that a bundle records about its training and held-out reports."""

from collections import Counter
from hashlib import sha256

import numpy as np

from crime.classifier.spec import CategoryData
from crime.core.days import day_text, weekday
from crime.reports.history import first_dense_day
from crime.reports.systems import SYSTEMS
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.training.classifier.table import row_blocks


def category_data(reports: Reports, held_out: Reports, tally: Tally, share: float) -> CategoryData:
    """Facts of all reports, in order of time, and of the last of them, which were held out."""
    return CategoryData(
        fingerprint=fingerprint(reports),
        trained_on=len(reports),
        held_out=len(held_out),
        first_day=day_text(first_whole_day(reports.fields["date_occ"].astype(int))),
        until=day_text(int(reports.fields["date_occ"].max())),
        share=share,
        held_out_from=day_text(int(held_out.fields["date_occ"].min())),
        frequency=_mo_frequency(reports),
        **tally.as_dict() | {"systems": _reports_by_system(reports)},
    )


def fingerprint(reports: Reports) -> str:
    """SHA-256 of the fields and labels of reports in order of time; the same for every file format and dialect."""
    digest = sha256()
    for name in sorted(reports.fields):
        column = reports.fields[name]
        for block in row_blocks(len(reports)):
            digest.update(repr(column[block].tolist()).encode() if column.dtype == object else column[block].tobytes())
    digest.update(reports.label.tobytes())
    return digest.hexdigest()


def count_cells(reports: Reports) -> np.ndarray:
    """(cells, 6) int32: month since 1970-01, area, category, weekday (Monday 0), hour, and the number of reports."""
    reports = reports.take(reports.fields["date_occ"] >= first_whole_day(reports.fields["date_occ"].astype(int)))
    days = reports.fields["date_occ"].astype("int64")
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(int)
    keys = np.column_stack(
        [months, reports.fields["area"], reports.label, weekday(days), reports.fields["time_occ"] // 60]
    ).astype(np.int32)
    cells, counts = np.unique(keys, axis=0, return_counts=True)
    return np.column_stack([cells, counts]).astype(np.int32)


def first_whole_day(days: np.ndarray) -> int:
    """The first day of reports of these days (n,), stray ones aside. Nine in ten of them give their usual rate."""
    low, high = np.quantile(days, [0.05, 0.95])
    first = int(days.min())
    return first + first_dense_day(np.bincount(days - first), 0.9 * len(days) / (high - low + 1))


def _reports_by_system(reports: Reports) -> dict[str, int]:
    counts = np.bincount(reports.fields["system"].astype(int), minlength=len(SYSTEMS)).tolist()
    return {system: count for system, count in zip(SYSTEMS, counts, strict=True) if count}


def _mo_frequency(reports: Reports) -> dict[str, int]:
    """Number of reports with each MO code; forms offer codes in this order."""
    counts = Counter(code for codes in reports.fields["mocodes"] for code in codes or ())
    return dict(sorted(counts.items()))
