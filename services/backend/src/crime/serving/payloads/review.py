"""Record review: the most doubtful records of a table, and decisions about them."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from crime.classifier.review.planting import Depth
from crime.classifier.review.served import DoubtedRecord, ServedReview
from crime.core.days import day_text
from crime.monitoring.review_decisions import Judgement, ReviewDecision
from crime.reports.categories import CATEGORY_NAMES, CRIME_CODES, crime_code_index
from crime.reports.codes import code_names
from crime.reports.spreadsheet import escape_formulas
from crime.reports.systems import System
from crime.serving.payloads.models import BY, Who

ReportNumber = Annotated[str, Field(min_length=1, max_length=60, description="as the table has it")]
CrimeCodeText = Annotated[str, Field(min_length=1, max_length=20)]


class CrimeCode(BaseModel):
    """A crime code of LAPD's own (`legacy`) or of NIBRS."""

    system: System
    code: str
    name: str
    category: str

    @classmethod
    def of(cls, index: int) -> Self:
        """The code with this index into `CRIME_CODES`."""
        crime = CRIME_CODES[index]
        return cls(system=crime.system, code=crime.code, name=crime.name, category=CATEGORY_NAMES[crime.category])


class Likelier(CrimeCode):
    """A code that the fields speak for, with its probability."""

    probability: float


class Doubted(BaseModel):
    """A record whose fields speak against its crime code.

    `rank`: 1 for the most doubtful. `row`: its number in the table, from 1. `doubt`: log of the Bayes factor against
    the recorded code. `likelier`: the two likeliest codes, the recorded one may be among them. `reasons`: the fields
    that speak for the likeliest. `is_seen`: it happened before the model's training ended, so the model may have learnt
    from it, and doubts it too little.
    """

    rank: int
    row: int
    number: str = Field(description="of the report; empty if the table has none")
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


class ExpectedWrong(BaseModel):
    """How many of the first `records` to expect to be wrong, from planted errors; ranges over the kinds of errors.

    `wrong_if_1_percent`: if 1 % of all codes are wrong. `wrong_at_most`: whatever the share.
    """

    records: int
    found: dict[str, float] = Field(description="share of planted errors among them, by kind")
    wrong_if_1_percent: tuple[float, float]
    wrong_at_most: tuple[float, float]


class Review(BaseModel):
    """The most doubtful records of a table. `rows` were read, `reviewed` have a known code; `rejected` by reason.

    `unknown_code`: rows whose code the model never met. `seen`: reviewed records from before the training's end.
    """

    rows: int
    reviewed: int
    rejected: dict[str, int]
    unknown_code: int
    seen: int
    trained_until: str
    model_version: str
    kinds: dict[str, int] = Field(description="kinds of doubt among the first 1 % of the reviewed")
    expected: list[ExpectedWrong]
    records: list[Doubted]


def doubted(rank: int, record: DoubtedRecord) -> Doubted:
    """A record as the API tells it."""
    day, minute = divmod(record.minute, 1440)
    return Doubted(
        rank=rank,
        row=record.row,
        number=record.number,
        date=day_text(day),
        time=f"{minute // 60:02}:{minute % 60:02}",
        area=code_names("area")[str(record.area)],
        recorded=CrimeCode.of(record.code),
        own_probability=round(record.own_probability, 6),
        likelier=[
            Likelier(**CrimeCode.of(code).model_dump(), probability=round(probability, 6))
            for code, probability in record.likelier
        ],
        doubt=round(record.doubt, 4),
        kind=record.kind,
        reasons=record.reasons,
        is_seen=record.is_seen,
    )


def expected_wrong(depth: Depth) -> ExpectedWrong:
    """What to expect of the first records as the API tells it."""
    return ExpectedWrong(**asdict(depth))


class WantedDecision(BaseModel):
    """What somebody decided about a record's crime code; `by`: who."""

    model_config = ConfigDict(coerce_numbers_to_str=True, extra="forbid")

    number: ReportNumber
    system: System = "legacy"
    code: CrimeCodeText = Field(description="that is recorded")
    judgement: Judgement
    right_code: CrimeCodeText | None = Field(None, description="of a record that is wrong, where it was found")
    note: Annotated[str, Field(max_length=1000)] = ""
    by: Annotated[Who, Field(min_length=1)] | None = Field(None, description=BY)

    @model_validator(mode="after")
    def _check_codes(self) -> Self:
        for name, code in (("code", self.code), ("right_code", self.right_code)):
            if code is not None and (self.system, code) not in crime_code_index():
                raise ValueError(f"{name}: expected a crime code of {self.system}, not {code}")
        if self.right_code is not None and (self.judgement != "wrong" or self.right_code == self.code):
            raise ValueError("right_code: expected another code than the recorded one, of a record that is wrong")
        return self


class Decided(WantedDecision):
    """A decision as it is kept. `at`: ISO 8601 in UTC."""

    at: str

    @classmethod
    def of(cls, decision: ReviewDecision) -> Self:
        return cls.model_construct(**asdict(decision))


def decisions_csv(decisions: Iterable[ReviewDecision]) -> str:
    """Decisions as a CSV table; cells that a spreadsheet would run as formulas are escaped."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(ReviewDecision)])
    for decision in decisions:
        writer.writerow(escape_formulas([value or "" for value in asdict(decision).values()]))
    return text.getvalue()


def review_answer(review: ServedReview, rows: int, rejected: dict[str, int], until: str, version: str) -> Review:
    """The answer of `POST /review`; `rows`, `rejected` of the table, `until`, `version` of the model."""
    return Review(
        rows=rows,
        reviewed=review.reviewed,
        rejected=rejected,
        unknown_code=review.unknown_code,
        seen=review.seen,
        trained_until=until,
        model_version=version,
        kinds=review.kinds,
        expected=[expected_wrong(depth) for depth in review.depths],
        records=[doubted(rank, record) for rank, record in enumerate(review.records, 1)],
    )
