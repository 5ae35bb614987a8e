"""Predictions: one report with reasons, or a table."""

from typing import IO

from crime_ui.client.answers import Explanation
from crime_ui.client.transport import send

BATCH_SECONDS = 600


def explain(report: dict[str, str | float]) -> Explanation:
    """The category of a report, keyed by LAPD's column names, and why. Raises `Refused` for a wrong field."""
    answer: Explanation = send("POST", "/explain", json=report).json()
    return answer


def score_table(file: IO[bytes], name: str) -> bytes:
    """An uploaded table with the prediction's columns added, as CSV. Raises `Refused` for a wrong file."""
    return send("POST", "/predict/batch", files={"file": (name, file)}, timeout=BATCH_SECONDS).content
