"""What is told of each row of a CSV table beside its answer: how it was read, and what to know of its answer."""

from collections.abc import Iterable, Mapping

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.parsing import recorded_labels
from crime.reports.table import EncodedColumn, Reports
from crime.serving.answers import unmet_codes
from crime.serving.payloads.report_list import unknown_codes
from crime.serving.payloads.report_warnings import odd_values

NOTE_COLUMNS = ("date_read", "recorded_name", "repaired", "warnings")
BETWEEN = "; "  # several repairs or warnings of one row
UNMET = "not in LAPD's tables or not learnt by the model, not used"


def row_notes(
    model: CategoryBundle,
    columns: Mapping[str, EncodedColumn],
    reports: Reports,
    repairs: Iterable[tuple[np.ndarray, np.ndarray]],
) -> dict[str, list[str]]:
    """The columns named in `NOTE_COLUMNS`, blank where there is nothing to tell; all are of a rejected row.

    The day that was read, the category of the row's own crime code, what was read otherwise than it is written, and
    what `POST /predict` says in `unknown_codes` and `warnings`. `columns`: of the reports, by key; `repairs`: as
    `Tally.row_repairs`.
    """
    rows, accepted = len(reports), reports.accepted
    days = np.where(accepted, reports.fields["date_occ"], 0).astype("datetime64[D]").astype(str)
    labels = recorded_labels(columns, reports.fields["system"])
    repaired = np.full(rows, "", object)
    for numbers, texts in repairs:
        has_one = texts != None  # noqa: E711 (elementwise)
        has_earlier = has_one & (repaired[numbers] != "")
        repaired[numbers[has_earlier]] += BETWEEN
        repaired[numbers[has_one]] += texts[has_one]
    notes = (
        days,
        np.array([*CATEGORY_NAMES, ""], object)[labels],
        repaired,
        np.array(_warnings(model, columns, reports), object),
    )
    return dict(zip(NOTE_COLUMNS, (np.where(accepted, cells, "").tolist() for cells in notes), strict=True))


def _warnings(model: CategoryBundle, columns: Mapping[str, EncodedColumn], reports: Reports) -> list[str]:
    found = [""] * len(reports)
    for row, codes in unmet_codes(model, reports.fields, unknown_codes(columns, reports.fields)).items():
        found[row] = BETWEEN.join(f"{code}: {UNMET}" for code in dict.fromkeys(codes))
    for row, more in odd_values(model.limits, reports.fields).items():
        found[row] = BETWEEN.join(filter(None, (found[row], *more)))
    return found
