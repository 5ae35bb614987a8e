"""Review of records by the category model that answers, for records that it did not learn from.

The model gives the probability of each category, and naive Bayes shares it among the category's codes. `crime review`
is the more exact: it fits codes themselves, on the table that it reviews.
"""

from dataclasses import dataclass

import numpy as np

from crime.classifier.bundle import ROWS_PER_BLOCK, CategoryBundle
from crime.classifier.naive_bayes import PRIOR_ROW, TEMPER
from crime.classifier.review.doubt import doubt_of
from crime.classifier.review.kinds import KINDS, kind_of
from crime.classifier.review.planting import NO_CODE, Depth, expect_wrong, plant_codes
from crime.classifier.review.reasons import reason_text
from crime.core.errors import BundleError, DataError
from crime.reports.categories import CATEGORIES, CRIME_CODES, SYSTEM_OF_CODE
from crime.reports.files import join_blocks
from crime.reports.table import Reports

LIKELIER = 2  # codes that are told for each record
MAX_RECORDS = 1_000_000  # of a table: some 200 bytes of memory each


class CodeProbabilities:
    """Log-probabilities of crime codes by a category model."""

    def __init__(self, model: CategoryBundle):
        """Raises `BundleError` if the model is of an earlier release, which did not keep its codes."""
        if model.naive_bayes.codes is None:
            raise BundleError(f"{model.name} version {model.version} does not tell crime codes: train a new version")
        self.model = model
        self.codes: np.ndarray = model.naive_bayes.codes
        self.position = np.full(len(CRIME_CODES), -1)
        self.position[self.codes] = np.arange(len(self.codes))
        prior = np.exp(model.naive_bayes.table[PRIOR_ROW])
        of_system = np.bincount(SYSTEM_OF_CODE[self.codes], prior)[SYSTEM_OF_CODE[self.codes]]
        self.share = np.zeros(len(CRIME_CODES))
        self.share[self.codes] = prior / of_system
        self._member = np.arange(len(CATEGORIES))[:, None] == model.naive_bayes.category

    def logs(self, reports: Reports) -> np.ndarray:
        """(n, codes) log-probability of each of `codes`, -inf for those of another report system."""
        logs = np.empty((len(reports), len(self.codes)))
        for first in range(0, len(reports), ROWS_PER_BLOCK):
            block = reports.take(slice(first, first + ROWS_PER_BLOCK))
            category = np.log(np.maximum(self.model.predict(block.fields, len(block)).probabilities, 1e-12))
            matrix = self.model.encoder.matrix(block.fields, len(block))
            within = TEMPER * self.model.naive_bayes.log_likelihoods(matrix)
            within[block.fields["system"][:, None] != SYSTEM_OF_CODE[self.codes]] = -np.inf
            for label, member in enumerate(self._member):
                with np.errstate(divide="ignore", invalid="ignore"):
                    total = np.logaddexp.reduce(within[:, member], axis=1, keepdims=True)
                    within[:, member] += np.where(np.isfinite(total), category[:, label, None] - total, 0)
            logs[first : first + len(block)] = within - np.logaddexp.reduce(within, axis=1, keepdims=True)
        return logs


@dataclass(frozen=True)
class DoubtedRecord:
    """A record and what speaks against its code. Codes are indices into `CRIME_CODES`.

    row: its number in the table, 1 for the first. number: the report's, "" if it has none. minute: when it happened,
    since 1970-01-01. doubt: log of the Bayes factor against the code. likelier: the two likeliest codes with their
    probabilities. kind: by the likeliest code but the recorded one. reasons: the fields that speak for the likeliest
    code, "" where that is the recorded one. is_seen: it happened by the last minute that the model learnt from.
    """

    row: int
    number: str
    minute: int
    area: int
    code: int
    own_probability: float
    doubt: float
    likelier: list[tuple[int, float]]
    kind: str
    reasons: str
    is_seen: bool


@dataclass(frozen=True)
class ServedReview:
    """The most doubtful records of a table, the first the most doubtful.

    reviewed: records with a code that the model knows; unknown_code: those without. seen: records of the reviewed that
    happened by the last minute that the model learnt from. kinds: kinds of doubt among the first 1 % of the reviewed.
    """

    reviewed: int
    unknown_code: int
    seen: int
    kinds: dict[str, int]
    depths: list[Depth]  # none where records are seen: their own codes have shaped the probabilities
    records: list[DoubtedRecord]


class RunningReview:
    """Reviews a table block by block, and keeps the `top` most doubtful records."""

    def __init__(self, model: CategoryBundle, top: int):
        """Raises `BundleError` as `CodeProbabilities`."""
        self._codes, self._top = CodeProbabilities(model), top
        self._doubt: list[np.ndarray] = []  # of each record as it is, and with a planted code of each kind
        self._kind: list[np.ndarray] = []  # of doubt, of each record
        self._kept: Reports | None = None
        self._kept_rows, self._kept_doubt = np.empty(0, int), np.empty(0)
        self._unknown = self._seen = 0

    def add(self, reports: Reports, numbers: np.ndarray) -> None:
        """Review a block; `numbers` (n,) of its rows in the table. Rejected rows are left out.

        Raises `DataError` for more than `MAX_RECORDS` records.
        """
        accepted = np.flatnonzero(reports.accepted & (reports.code >= 0))
        rows = accepted[self._codes.position[reports.code[accepted]] >= 0]
        self._unknown += int(reports.accepted.sum()) - len(rows)
        if not len(rows):
            return
        records = reports.take(rows)
        if sum(map(len, self._doubt)) + len(records) > MAX_RECORDS:
            raise DataError(f"more than {MAX_RECORDS:,} records to review at once: `crime review` takes more")
        self._seen += int((records.minute <= self._last_minute).sum())
        planted = plant_codes(records.code, self._codes.share, seed=int(numbers[0]))
        asked = np.column_stack([records.code, np.where(planted == NO_CODE, records.code[:, None], planted)])
        all_logs = self._codes.logs(records)
        logs = np.take_along_axis(all_logs, self._codes.position[asked], axis=1)
        np.put_along_axis(all_logs, self._codes.position[records.code][:, None], -np.inf, axis=1)
        self._kind.append(kind_of(records.code, self._codes.codes[all_logs.argmax(1)]).astype(np.int8))
        doubt = doubt_of(logs, self._codes.share[asked])
        doubt[:, 1:][planted == NO_CODE] = np.nan
        self._doubt.append(doubt.astype(np.float32))
        self._keep(records, numbers[rows], doubt[:, 0])

    @property
    def _last_minute(self) -> int:
        return (self._codes.model.limits.last + 1) * 1440 - 1

    def _keep(self, records: Reports, rows: np.ndarray, doubt: np.ndarray) -> None:
        """Keep the most doubtful of those kept so far and of these."""
        kept = records if self._kept is None else join_blocks([self._kept, records])
        rows, doubt = np.append(self._kept_rows, rows), np.append(self._kept_doubt, doubt)
        order = np.argsort(-doubt, kind="stable")[: self._top]
        self._kept, self._kept_rows, self._kept_doubt = kept.take(order), rows[order], doubt[order]

    def result(self) -> ServedReview:
        if self._kept is None:
            return ServedReview(0, self._unknown, 0, {}, [], [])
        doubt = np.concatenate(self._doubt)
        records = self._doubted(self._kept)
        first = np.concatenate(self._kind)[np.argsort(-doubt[:, 0], kind="stable")[: max(1, len(doubt) // 100)]]
        return ServedReview(
            reviewed=len(doubt),
            unknown_code=self._unknown,
            seen=self._seen,
            kinds={kind: int((first == number).sum()) for number, kind in enumerate(KINDS)},
            depths=[] if self._seen else expect_wrong(doubt[:, 0], doubt[:, 1:]),
            records=records,
        )

    def _doubted(self, kept: Reports) -> list[DoubtedRecord]:
        logs = self._codes.logs(kept)
        best = np.argsort(-logs, axis=1, kind="stable")[:, :LIKELIER]
        matrix = self._codes.model.encoder.matrix(kept.fields, len(kept))
        records = []
        for index, (row, doubt) in enumerate(zip(self._kept_rows.tolist(), self._kept_doubt.tolist(), strict=True)):
            code, fields = int(kept.code[index]), {name: column[index] for name, column in kept.fields.items()}
            own, first = int(self._codes.position[code]), int(best[index, 0])
            other = next((int(position) for position in best[index] if position != own), own)
            ratios = self._codes.model.naive_bayes.log_ratios(matrix[index], first, own) if first != own else {}
            records.append(
                DoubtedRecord(
                    row=row,
                    number=fields["dr_no"] or "",
                    minute=int(kept.minute[index]),
                    area=int(fields["area"]),
                    code=code,
                    own_probability=float(np.exp(logs[index, own])),
                    doubt=doubt,
                    likelier=[
                        (int(self._codes.codes[position]), float(np.exp(logs[index, position])))
                        for position in best[index]
                        if np.isfinite(logs[index, position])
                    ],
                    kind=KINDS[int(kind_of(np.array(code), self._codes.codes[other]))],
                    reasons=reason_text(ratios, fields) if ratios else "",
                    is_seen=bool(kept.minute[index] <= self._last_minute),
                )
            )
        return records
