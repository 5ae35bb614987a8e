"""LAPD's codes with their names, the model's features, and counts of reports."""

from collections.abc import Sequence
from typing import TypedDict

from crime_ui.client.answers import Code, CodeKind, Feature, ReportCounts, ReportSystem
from crime_ui.client.transport import send

SYSTEM_NAMES: dict[ReportSystem, str] = {"legacy": "LAPD codes, until 2025", "nibrs": "NIBRS, since 2024"}


class ReportFilters(TypedDict, total=False):
    """`area`: numbers; `category`: keys; `code`: crime codes such as legacy:510; `shift`: 0 to 2.

    `first` and `last`: days such as 2020-01-31, or months such as 2020-01.
    """

    area: Sequence[str]
    code: Sequence[str]
    shift: Sequence[int]
    category: Sequence[str]
    first: str
    last: str


def codes() -> dict[CodeKind, list[Code]]:
    """Codes of areas, premises, weapons, MO codes and crime codes, the most frequent first."""
    answer: dict[CodeKind, list[Code]] = send("GET", "/codes").json()
    return answer


def report_features() -> list[Feature]:
    """The features of the category model."""
    features: list[Feature] = send("GET", "/features").json()["features"]
    return [feature for feature in features if feature["entity"] == ["report"]]


def report_counts(filters: ReportFilters) -> ReportCounts:
    answer: ReportCounts = send("GET", "/reports", params=filters).json()
    return answer
