"""Recorded predictions, and the files of the prediction log: gzipped CSV without victim attributes."""

import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crime.classifier.bundle import Prediction
from crime.features.definitions import ReportFields
from crime.reports.categories import CATEGORIES

RECORDED_FIELDS = ("date_occ", "date_rptd", "time_occ", "area", "rpt_dist_no", "premis_cd", "weapon_used_cd", "mocodes")
RECORD_COLUMNS = (
    "at",
    "version",
    "level",
    "label",
    *(f"p_{category}" for category in CATEGORIES),
    "dr_no",
    *RECORDED_FIELDS,
)
SHADOW_SUFFIX = " (shadow)"  # how files and the API mark the version of a shadow prediction
UNKNOWN_MO_CODES = "?"  # MO codes were not known; a blank cell means that none were recorded


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """One prediction. `time`: seconds since 1970. `shadow`: made by a challenger and not sent to the client."""

    time: float
    version: str
    prediction: Prediction
    report_number: str
    fields: ReportFields
    shadow: bool = False


@dataclass(frozen=True)
class RecordedPredictions:
    """Many predictions as arrays: `probabilities` (rows, 7), the others and each field (rows,)."""

    time: np.ndarray
    version: np.ndarray
    shadow: np.ndarray
    level: np.ndarray
    label: np.ndarray
    probabilities: np.ndarray
    report_number: np.ndarray
    fields: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: np.ndarray | slice) -> "RecordedPredictions":
        return RecordedPredictions(
            time=self.time[rows],
            version=self.version[rows],
            shadow=self.shadow[rows],
            level=self.level[rows],
            label=self.label[rows],
            probabilities=self.probabilities[rows],
            report_number=self.report_number[rows],
            fields={name: column[rows] for name, column in self.fields.items()},
        )


def marked_version(version: str, shadow: bool) -> str:
    """The version as files and the API write it: `7`, or `7 (shadow)`."""
    return version + SHADOW_SUFFIX if shadow else version


def encode_records(records: Iterable[PredictionRecord]) -> bytes:
    """Records as gzipped CSV with the columns `RECORD_COLUMNS`; time to the millisecond, probabilities to 5 digits."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")  # the writer quotes a cell with one of these characters
    writer.writerow(RECORD_COLUMNS)
    writer.writerows(map(_csv_row, records))
    return gzip.compress(text.getvalue().encode(), 6)


def _csv_row(record: PredictionRecord) -> list[Any]:
    probabilities, codes = record.prediction.probabilities, record.fields["mocodes"]
    return [
        round(record.time, 3),
        marked_version(record.version, record.shadow),
        record.prediction.level,
        int(probabilities.argmax()),
        *probabilities.round(5).tolist(),
        record.report_number,
        *(record.fields[name] for name in RECORDED_FIELDS[:-1]),
        UNKNOWN_MO_CODES if codes is None else " ".join(codes),
    ]


def decode_records(files: Iterable[bytes]) -> RecordedPredictions:
    """Read files that `encode_records` wrote. Damaged files and those with other columns are skipped."""
    rows: list[list[str]] = []
    for content in files:
        try:
            lines = list(csv.reader(io.StringIO(gzip.decompress(content).decode(), newline="")))
        except (OSError, EOFError, ValueError, csv.Error):
            continue
        if lines and tuple(lines[0]) == RECORD_COLUMNS:
            rows += [line for line in lines[1:] if len(line) == len(RECORD_COLUMNS)]
    cells: list[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * len(RECORD_COLUMNS)
    columns = dict(zip(RECORD_COLUMNS, cells, strict=True))
    mocodes = np.empty(len(rows), object)
    mocodes[:] = [None if text == UNKNOWN_MO_CODES else tuple(text.split()) for text in columns["mocodes"]]
    versions = columns["version"]
    return RecordedPredictions(
        time=np.array(columns["at"], float),
        version=np.array([version.removesuffix(SHADOW_SUFFIX) for version in versions], object),
        shadow=np.array([version.endswith(SHADOW_SUFFIX) for version in versions], bool),
        level=np.array(columns["level"], object),
        label=np.array(columns["label"], int),
        probabilities=np.array([columns[f"p_{category}"] for category in CATEGORIES], float).T.reshape(
            -1, len(CATEGORIES)
        ),
        report_number=np.array(columns["dr_no"], object),
        fields={name: np.array(columns[name], float) for name in RECORDED_FIELDS[:-1]} | {"mocodes": mocodes},
    )


def stack_fields(reports: Sequence[ReportFields]) -> dict[str, np.ndarray]:
    """Fields of single reports as arrays (rows,) by name; no arrays if there is no report."""
    stacked: dict[str, np.ndarray] = {}
    for name in reports[0] if reports else ():
        values = [report[name] for report in reports]
        stacked[name] = np.empty(len(reports), object) if name == "mocodes" else np.array(values, float)
        stacked[name][:] = values
    return stacked
