"""Predictions: one report with reasons, or a table."""

import json
from typing import IO, NamedTuple

from crime_ui.client.answers import Explanation
from crime_ui.client.transport import send

BATCH_SECONDS = 600


def explain(report: dict[str, str | float]) -> Explanation:
    """The category of a report, keyed by LAPD's column names, and why. Raises `Refused` for a wrong field."""
    answer: Explanation = send("POST", "/explain", json=report).json()
    return answer


class ScoredCsv(NamedTuple):
    """A table with the prediction's columns added. `unread`: names of its columns that no report has."""

    content: bytes
    unread: list[str]


def score_table(file: IO[bytes], name: str, day_first: bool | None = None) -> ScoredCsv:
    """Score an uploaded CSV table. `day_first`: of its dates, if its rows do not tell. Raises `Refused`.

    It is not recorded: drift is measured on live reports, and an uploaded table may be an old one.
    """
    query = {"record": False} | ({} if day_first is None else {"day_first": day_first})
    answer = send("POST", "/predict/batch", files={"file": (name, file)}, params=query, timeout=BATCH_SECONDS)
    return ScoredCsv(answer.content, json.loads(answer.headers.get("Columns-Not-Read", "[]")))
