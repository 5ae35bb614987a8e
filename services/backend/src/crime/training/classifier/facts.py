"""Facts that a bundle records about its training and held-out reports."""

from collections import Counter
from hashlib import sha256

import numpy as np

from crime.classifier.counted_reports import CountedReports
from crime.classifier.spec import CategoryData
from crime.core.days import day_text
from crime.reports.categories import AREA_ONLY_CATEGORIES, CATEGORIES, CRIME_CODES
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


def counted_reports(reports: Reports) -> CountedReports:
    """What is counted of the reports; those before the first whole day are left out."""
    reports = reports.take(reports.fields["date_occ"] >= first_whole_day(reports.fields["date_occ"].astype(int)))
    district = np.nan_to_num(reports.fields["rpt_dist_no"])
    told = ~np.isin(reports.label, [list(CATEGORIES).index(key) for key in AREA_ONLY_CATEGORIES])
    used, code = np.unique(reports.code, return_inverse=True)
    columns = {
        "day": reports.fields["date_occ"],
        "hour": reports.fields["time_occ"] // 60,
        "area": reports.fields["area"],
        "category": reports.label,
        "district": district * told,
        "code": code,
    }
    return CountedReports.of_rows(columns, [f"{CRIME_CODES[n].system}:{CRIME_CODES[n].code}" for n in used])


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
