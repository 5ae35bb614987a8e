"""Weekly performance of recorded predictions, measured once the crime codes of the same reports are known."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from crime.core.errors import UnreadableFileError
from crime.core.file_store import FileStore
from crime.core.json_memory import check_parsed_memory
from crime.metrics.classification import calibration_bins, calibration_error, log_losses
from crime.monitoring.records import SHADOW_SUFFIX, RecordedPredictions, marked_version

PERFORMANCE_FILE = "monitoring/performance.json"
WEEK_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, order=True)
class WeeklyPerformance:
    """Performance of one version's predictions in one week. `ece`: expected calibration error.

    `week`: its first day, YYYY-MM-DD, a Thursday because 1970 began with one. `shadow`: a challenger's shadow
    predictions.
    """

    week: str
    version: str
    shadow: bool
    reports: int
    accuracy: float
    log_loss: float
    ece: float

    @property
    def key(self) -> tuple[str, str, bool]:
        return self.week, self.version, self.shadow

    def as_json(self) -> dict[str, Any]:
        """As the file and the API write it: the version of shadow predictions is marked, `7 (shadow)`."""
        return {
            "week": self.week,
            "version": marked_version(self.version, self.shadow),
            "reports": self.reports,
            "accuracy": self.accuracy,
            "log_loss": self.log_loss,
            "ece": self.ece,
        }

    @classmethod
    def from_json(cls, week: dict[str, Any]) -> "WeeklyPerformance":
        version = str(week["version"])
        marked = version.endswith(SHADOW_SUFFIX)
        return cls(**{**week, "version": version.removesuffix(SHADOW_SUFFIX), "shadow": marked})


def _check_day(text: str) -> str:
    np.datetime64(text)
    return text


class _Week(BaseModel):
    """A week as the file has it."""

    model_config = ConfigDict(allow_inf_nan=False)

    week: Annotated[str, Field(pattern="^(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_check_day)]
    version: Annotated[str, Field(min_length=1, max_length=200)]
    reports: Annotated[int, Field(ge=1)]
    accuracy: Annotated[float, Field(ge=0, le=1)]
    log_loss: Annotated[float, Field(ge=0)]
    ece: Annotated[float, Field(ge=0, le=1)]


_ENTRIES = TypeAdapter(list[Any])


def week_numbers(time: np.ndarray) -> np.ndarray:
    """(rows,) the week that each time (rows,), in seconds since 1970, is in."""
    weeks: np.ndarray = (time // WEEK_SECONDS).astype(int)
    return weeks


def week_name(number: int) -> str:
    """The first day of a week, YYYY-MM-DD."""
    return str(np.datetime64(number * 7, "D"))


def weekly_performance(
    recorded: RecordedPredictions, report_numbers: np.ndarray, labels: np.ndarray
) -> list[WeeklyPerformance]:
    """Performance by week and version, of the predictions of the reports with these numbers (n,) and labels (n,)."""
    label_of = dict(zip(report_numbers.tolist(), labels.tolist(), strict=True))
    known = np.array([row for row, number in enumerate(recorded.report_number) if number in label_of], int)
    recorded = recorded.take(known)
    truth = np.array([label_of[number] for number in recorded.report_number], int)
    weeks = week_numbers(recorded.time)
    performance = []
    groups = zip(weeks.tolist(), recorded.version.tolist(), recorded.shadow.tolist(), strict=True)
    for week, version, shadow in sorted(set(groups)):
        rows = (weeks == week) & (recorded.version == version) & (recorded.shadow == shadow)
        probabilities, label = recorded.probabilities[rows], truth[rows]
        performance.append(
            WeeklyPerformance(
                week=week_name(week),
                version=version,
                shadow=shadow,
                reports=int(rows.sum()),
                accuracy=round(float((probabilities.argmax(1) == label).mean()), 4),
                log_loss=round(float(log_losses(probabilities, label).mean()), 4),
                ece=round(calibration_error(calibration_bins(probabilities, label)), 4),
            )
        )
    return performance


def read_performance(store: FileStore | None, unreadable: list[str] | None = None) -> list[WeeklyPerformance]:
    """What `update_performance` last wrote, oldest first. Raises `RegistryError`.

    Weeks that can't be read are left out, and the file's path goes to `unreadable`.
    """
    if store is None or PERFORMANCE_FILE not in store.files(PERFORMANCE_FILE.rpartition("/")[0]):
        return []
    weeks: list[WeeklyPerformance] = []
    is_whole = True
    try:
        content = store.load(PERFORMANCE_FILE)
        check_parsed_memory(content)
        entries = _ENTRIES.validate_json(content)
    except (UnreadableFileError, ValueError):
        entries, is_whole = [], False
    for entry in entries:
        try:
            weeks.append(WeeklyPerformance.from_json(_Week.model_validate(entry).model_dump()))
        except ValueError:
            is_whole = False
    if not is_whole and unreadable is not None:
        unreadable.append(PERFORMANCE_FILE)
    return weeks


def update_performance(
    store: FileStore | None, recorded: RecordedPredictions, report_numbers: np.ndarray, labels: np.ndarray
) -> list[WeeklyPerformance]:
    """Add the performance on these labelled reports to the file, and return all weeks, the oldest first.

    If the file has the week already, the result on more reports is kept. Raises `RegistryError`.
    """
    weeks = {week.key: week for week in read_performance(store)}
    updates = weekly_performance(recorded, report_numbers, labels)
    for week in updates:
        weeks[week.key] = max(week, weeks.get(week.key, week), key=lambda entry: entry.reports)
    updated = sorted(weeks.values(), key=lambda week: (week.week, marked_version(week.version, week.shadow)))
    if store and updates:
        store.save(PERFORMANCE_FILE, json.dumps([week.as_json() for week in updated]).encode())
    return updated
