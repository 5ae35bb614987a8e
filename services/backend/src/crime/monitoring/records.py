"""Recorded predictions, and the files of the prediction log: gzipped CSV without victim attributes."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import Any

import numpy as np

from crime.classifier.bundle import Prediction
from crime.core import limits
from crime.features.definitions import ReportFields
from crime.features.vocabulary import CODED_FIELDS
from crime.reports.categories import CATEGORIES
from crime.reports.parsing import OBJECT_FIELDS
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.systems import Code

# districts are left out: nothing is compared by them, and places of sexual crimes are told no finer than their area
NUMBER_FIELDS = ("system", "date_occ", "date_rptd", "time_occ", "area")
RECORDED_FIELDS = (*NUMBER_FIELDS, *CODED_FIELDS, "mocodes")
RECORD_COLUMNS = (
    "at",
    "version",
    "level",
    "label",
    *(f"p_{category}" for category in CATEGORIES),
    "dr_no",
    *RECORDED_FIELDS,
)
# of the release before, with codes as numbers
EARLIER_FIELDS = ("date_occ", "date_rptd", "time_occ", "area", "rpt_dist_no", *CODED_FIELDS, "mocodes")
EARLIER_COLUMNS = (*RECORD_COLUMNS[: -len(RECORDED_FIELDS)], *EARLIER_FIELDS)
SHADOW_SUFFIX = " (shadow)"  # how files and the API mark the version of a shadow prediction
END_OF_TIME = 7_258_118_400  # 2200-01-01, in seconds since 1970
LARGEST_NUMBER, MAX_VERSION_CHARACTERS = 1e9, 200
SUM_TOLERANCE = 0.01  # of probabilities, which are rounded
NOT_KNOWN = "?"  # a code or the MO codes were not known; a blank cell means that none were recorded


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


_ARRAYS = [field.name for field in dataclass_fields(RecordedPredictions) if field.name != "fields"]


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
    probabilities, fields = record.prediction.probabilities, record.fields
    mocodes, label = fields["mocodes"], int(probabilities.argmax())
    return [
        round(record.time, 3),
        marked_version(record.version, record.shadow),
        record.prediction.level,
        label,
        *probabilities.round(5).tolist(),
        record.report_number,
        *(fields[name] for name in NUMBER_FIELDS),
        *(NOT_KNOWN if fields[name] is None else fields[name].key for name in CODED_FIELDS),
        NOT_KNOWN if mocodes is None else " ".join(mocodes),
    ]


def decode_records(files: Iterable[bytes]) -> RecordedPredictions:
    """Read files that `encode_records` wrote, in this release or the one before. Others are skipped."""
    parts = []
    for content in files:
        with suppress(ValueError):
            parts.append(decode_file(content)[0])
    return join_records(parts)


def decode_file(content: bytes) -> tuple[RecordedPredictions, int]:
    """The predictions of a file that somebody else may have written, and the bytes of its text.

    Raises `ValueError` if it is damaged, or has what no prediction has.
    """
    text = unpack(content)
    try:
        recorded = as_arrays(split_rows(text))
    except OverflowError as error:
        raise ValueError(str(error)) from None
    check_values(recorded)
    return recorded, len(text)


def join_records(parts: Sequence[RecordedPredictions]) -> RecordedPredictions:
    """Several as one, in their order."""
    if not parts:
        return as_arrays([])
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
    names = parts[0].fields
    return RecordedPredictions(
        **columns, fields={name: np.concatenate([part.fields[name] for part in parts]) for name in names}
    )


def unpack(content: bytes) -> bytes:
    """The text of a file. Raises `ValueError` if it is damaged, or larger than `limits.STORED_FILE_BYTES`."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(content, limits.STORED_FILE_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("cut off, too large, or more than one file")
    return text


def split_rows(text: bytes) -> list[list[str]]:
    """The cells of a file's text by row and `RECORD_COLUMNS`; rows that were cut are left out.

    Raises `ValueError` for other columns, and for more rows than any file has.
    """
    reader = csv.reader(io.StringIO(text.decode(), newline=""))
    rows: list[list[str]] = []
    try:
        columns = tuple(next(reader, ()))
        if columns not in (RECORD_COLUMNS, EARLIER_COLUMNS):
            raise ValueError("other columns")
        for row in reader:
            if len(row) == len(columns):
                rows.append(row if columns == RECORD_COLUMNS else _from_earlier(row))
            if len(rows) > limits.RECORDED_ROWS:
                raise ValueError("too many rows")
    except csv.Error as error:
        raise ValueError(str(error)) from None
    return rows


def check_values(recorded: RecordedPredictions) -> None:
    """Raise `ValueError` for what no prediction has."""
    shares = recorded.probabilities
    numbers = np.array([recorded.fields[name] for name in NUMBER_FIELDS])
    if not (
        ((recorded.time >= 0) & (recorded.time < END_OF_TIME)).all()
        and set(recorded.level) <= DETAIL_LEVELS.keys()
        and ((recorded.label >= 0) & (recorded.label < len(CATEGORIES))).all()
        and ((shares >= 0) & (shares <= 1)).all()
        and (np.abs(shares.sum(1) - 1) < SUM_TOLERANCE).all()
        and (np.isnan(numbers) | (np.abs(numbers) < LARGEST_NUMBER)).all()
        and all(0 < len(version) <= MAX_VERSION_CHARACTERS for version in recorded.version)
    ):
        raise ValueError("values that no prediction has")


def as_arrays(rows: Sequence[Sequence[str]]) -> RecordedPredictions:
    """Rows of `split_rows` as arrays. Raises `ValueError` or `OverflowError` for a cell that can't be read."""
    cells: list[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * len(RECORD_COLUMNS)
    by_name = dict(zip(RECORD_COLUMNS, cells, strict=True))
    fields = {name: np.array(by_name[name], float) for name in NUMBER_FIELDS}
    for name in CODED_FIELDS:
        fields[name] = _objects([None if text == NOT_KNOWN else Code.from_key(text) for text in by_name[name]])
    mocodes = [None if text == NOT_KNOWN else tuple(text.split()) for text in by_name["mocodes"]]
    fields["mocodes"] = _objects(mocodes)
    versions = by_name["version"]
    return RecordedPredictions(
        time=np.array(by_name["at"], float),
        version=np.array([version.removesuffix(SHADOW_SUFFIX) for version in versions], object),
        shadow=np.array([version.endswith(SHADOW_SUFFIX) for version in versions], bool),
        level=np.array(by_name["level"], object),
        label=np.array(by_name["label"], int),
        probabilities=np.array([by_name[f"p_{category}"] for category in CATEGORIES], float).T.reshape(
            -1, len(CATEGORIES)
        ),
        report_number=np.array(by_name["dr_no"], object),
        fields=fields,
    )


def _from_earlier(line: list[str]) -> list[str]:
    """A row of `EARLIER_COLUMNS`, all reports of LAPD's own codes, as one of `RECORD_COLUMNS`."""
    row = dict(zip(EARLIER_COLUMNS, line, strict=True)) | {"system": "0"}
    for name in CODED_FIELDS:
        number = float(row[name])
        row[name] = NOT_KNOWN if number != number else Code("legacy", f"{number:g}", "").key if number else ""
    return [row[name] for name in RECORD_COLUMNS]


def stack_fields(reports: Sequence[ReportFields]) -> dict[str, np.ndarray]:
    """Fields of single reports as arrays (rows,) by name; no arrays if there is no report."""
    stacked: dict[str, np.ndarray] = {}
    for name in reports[0] if reports else ():
        values = [report[name] for report in reports]
        stacked[name] = _objects(values) if name in OBJECT_FIELDS else np.array(values, float)
    return stacked


def _objects(values: Sequence[Any]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array
