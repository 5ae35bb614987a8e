"""Facts that a bundle records about its training and held-out reports."""

from collections import Counter
from hashlib import sha256

import numpy as np

from crime.classifier.spec import CategoryData
from crime.core.days import day_text, weekday
from crime.reports.systems import SYSTEMS
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.training.classifier.table import row_blocks

WINDOW_DAYS, DENSE_SHARE = 28, 0.1  # of the search for the first day; set by judgement: docs/method.md


def category_data(reports: Reports, held_out: Reports, tally: Tally, share: float) -> CategoryData:
    """Facts of all reports, in order of time, and of the last of them, which were held out."""
    return CategoryData(
        fingerprint=fingerprint(reports),
        trained_on=len(reports),
        held_out=len(held_out),
        first_day=day_text(first_dense_day(reports.fields["date_occ"].astype(int))),
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
    reports = reports.take(reports.fields["date_occ"] >= first_dense_day(reports.fields["date_occ"].astype(int)))
    days = reports.fields["date_occ"].astype("int64")
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(int)
    keys = np.column_stack(
        [months, reports.fields["area"], reports.label, weekday(days), reports.fields["time_occ"] // 60]
    ).astype(np.int32)
    cells, counts = np.unique(keys, axis=0, return_counts=True)
    return np.column_stack([cells, counts]).astype(np.int32)


def first_dense_day(days: np.ndarray) -> int:
    """The day from which on reports of these days (n,) come at a tenth of their usual rate or more.

    Before it are late reports and mistyped dates, back to the year 1900. The usual rate is that of nine in ten reports.
    """
    low, high = np.quantile(days, [0.05, 0.95])
    counts = np.concatenate([[0], np.cumsum(np.bincount(days - days.min()))])
    windows = counts[WINDOW_DAYS:] - counts[:-WINDOW_DAYS]
    usual = 0.9 * WINDOW_DAYS * len(days) / (high - low + 1)
    if not len(windows) or windows[0] >= DENSE_SHARE * usual:
        return int(days.min())
    first = int(days.min()) + int(np.argmax(windows >= DENSE_SHARE * usual))
    return int(days[days >= first].min())


def _reports_by_system(reports: Reports) -> dict[str, int]:
    counts = np.bincount(reports.fields["system"].astype(int), minlength=len(SYSTEMS)).tolist()
    return {system: count for system, count in zip(SYSTEMS, counts, strict=True) if count}


def _mo_frequency(reports: Reports) -> dict[str, int]:
    """Number of reports with each MO code; forms offer codes in this order."""
    counts = Counter(code for codes in reports.fields["mocodes"] for code in codes or ())
    return dict(sorted(counts.items()))
