"""Record review: the most doubtful records of a table, and decisions about them."""

import os
from collections.abc import Iterator
from typing import IO, Literal, TypedDict

from crime_ui.client.answers import ReportSystem
from crime_ui.client.transport import send, unreadable_entries

REVIEW_SECONDS = 600
PIECE_BYTES = 1 << 20
Judgement = Literal["wrong", "right", "unsure"]


class CrimeCode(TypedDict):
    system: ReportSystem
    code: str
    name: str
    category: str


class Likelier(CrimeCode):
    probability: float


class Doubted(TypedDict):
    """A record whose fields speak against its code; `rank` 1 is the most doubtful."""

    rank: int
    row: int
    number: str
    date: str
    time: str
    area: str
    recorded: CrimeCode
    own_probability: float
    likelier: list[Likelier]
    doubt: float
    kind: str
    reasons: str
    is_seen: bool


class ExpectedWrong(TypedDict):
    """How many of the first `records` to expect to be wrong: lowest and highest over the kinds of errors."""

    records: int
    found: dict[str, float]
    wrong_if_1_percent: tuple[float, float]
    wrong_at_most: tuple[float, float]


class Review(TypedDict):
    """`rows` of the table, `reviewed` of them; `seen`: reviewed ones from before the training's end."""

    rows: int
    reviewed: int
    rejected: dict[str, int]
    unknown_code: int
    seen: int
    trained_until: str
    model_version: str
    kinds: dict[str, int]
    expected: list[ExpectedWrong]
    records: list[Doubted]


class Decided(TypedDict):
    """A decision about a record's code. `at`: ISO 8601 in UTC."""

    number: str
    system: ReportSystem
    code: str
    judgement: Judgement
    right_code: str | None
    note: str
    by: str
    at: str


def review_table(file: IO[bytes], top: int, day_first: bool | None = None) -> Review:
    """The `top` most doubtful records of a CSV table. Raises `Refused`."""
    query: dict[str, int | bool] = {"top": top} | ({} if day_first is None else {"day_first": day_first})
    headers = {"Content-Length": str(file.seek(0, os.SEEK_END))}
    answer: Review = send(
        "POST", "/review", content=_Pieces(file), headers=headers, params=query, timeout=REVIEW_SECONDS
    ).json()
    return answer


class _Pieces:
    """A file's content, again from its start in each attempt."""

    def __init__(self, file: IO[bytes]):
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        return iter(lambda: self._file.read(PIECE_BYTES), b"")


def decide(record: Doubted, judgement: Judgement, right_code: str | None, note: str, by: str) -> None:
    """Keep a decision about a record. Raises `Refused`, also while the registry can't be reached."""
    decision = {
        "number": record["number"],
        "system": record["recorded"]["system"],
        "code": record["recorded"]["code"],
        "judgement": judgement,
        "right_code": right_code,
        "note": note,
        "by": by,
    }
    send("POST", "/review/decisions", json=decision, optional=True, attempts=1)


def decisions() -> list[Decided]:
    """Every decision, the oldest first. Raises `Refused` while the registry can't be reached."""
    kept: list[Decided] = send("GET", "/review/decisions", optional=True).json()
    return kept


def decisions_csv() -> tuple[bytes, int]:
    """All decisions as CSV, and the number of unreadable ones. Raises `Refused` while the registry is unavailable."""
    answer = send("GET", "/review/decisions.csv", optional=True)
    return answer.content, unreadable_entries(answer)
