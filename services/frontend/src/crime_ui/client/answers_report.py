"""The backend's answer about one report: the keys that the page reads."""

from typing import TypedDict


class Reason(TypedDict):
    """What one field contributed. `value` is None where it was not given. `effect`: on each category's probability."""

    field: str
    value: str | None
    log_odds: dict[str, float]
    effect: dict[str, float]


class NextField(TypedDict):
    """LAPD columns that are asked for together, and by how much the entropy is expected to fall with them."""

    fields: list[str]
    gain_bits: float


class TrackRecord(TypedDict):
    """Accuracy on held-out reports of which the same fields were shown, and of those that were answered as surely.

    None: too few were.
    """

    reports: int
    accuracy: float
    as_sure: float | None


class Explanation(TypedDict):
    """A prediction and what led to it, by category name: base rates and effects add up to the probabilities.

    `open_bits`: entropy of the answer. `next_fields`: the most telling first.
    """

    label_name: str
    probability: float
    probabilities: dict[str, float]
    unknown_codes: list[str]
    warnings: list[str]
    model_name: str
    model_version: str
    reasons: list[Reason]
    base_rates: dict[str, float]
    open_bits: float
    next_fields: list[NextField]
    track_record: TrackRecord
