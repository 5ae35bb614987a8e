"""Predictions and explanations as the OpenAPI document describes them; `crime.serving.answers` builds their JSON."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from crime.reports.categories import CATEGORY_NAMES
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.systems import System

REPORT_REFERENCE = {"$ref": "#/components/schemas/Report"}  # the body of endpoints that parse reports themselves


def _by_category(*values: float) -> dict[str, float]:
    return dict(zip(CATEGORY_NAMES, values, strict=True))


EXPLANATION_EXAMPLE: dict[str, Any] = {
    "label": 3,
    "label_name": "theft/burglary",
    "probability": 0.57,
    "probabilities": _by_category(0.01, 0.26, 0.06, 0.57, 0.05, 0.01, 0.04),
    "level": "premise",
    "missing": ["TIME OCC", "Mocodes", "Weapon Used Cd"],
    "unknown_codes": [],
    "warnings": [],
    "model_name": "crime-category",
    "model_version": "2",
    "inference_time_ms": 20.1,
    "reasons": [
        {
            "field": "Premis Cd",
            "value": "STREET",
            "text": "Premise: STREET, raises theft/burglary by 11 points",
            "log_odds": _by_category(-0.77, -0.04, -0.22, 0.25, 0.03, -0.15, -0.21),
            "effect": _by_category(-0.07, -0.01, -0.03, 0.11, 0.0, -0.01, 0.01),
        }
    ],
    "start": _by_category(-3.45, -1.51, -2.57, -0.84, -3.31, -4.17, -3.43),
    "base_rates": _by_category(0.08, 0.27, 0.09, 0.46, 0.05, 0.02, 0.03),
    "open_bits": 1.75,
    "next_fields": [{"fields": ["Mocodes"], "gain_bits": 1.31}, {"fields": ["LAT", "LON"], "gain_bits": 0.01}],
    "track_record": {"reports": 500, "accuracy": 0.61, "as_sure_reports": 60, "as_sure": 0.63},
}


class Prediction(BaseModel):
    """The category of a report. `level` is how much of the report was known and used."""

    label: int = Field(description="0 to 6, in the order of `probabilities`")
    label_name: str
    probability: float
    probabilities: dict[str, float]
    level: str = Field(description=", ".join(DETAIL_LEVELS))
    missing: list[str] = Field(description="optional fields that were not given")
    unknown_codes: list[str] = Field(description="codes that LAPD's tables or the model lack; they are not used")
    warnings: list[str] = Field(description="what of the report is not read, is odd, or was not learnt by the model")
    model_name: str
    model_version: str
    inference_time_ms: float


class TableColumn(BaseModel):
    """A column of a table of reports that is read. `systems`: the report systems whose tables have it."""

    name: str
    about: str
    required: bool
    systems: list[System]


class Reason(BaseModel):
    """The contribution of one field.

    `log_odds` of all reasons and `start` add up to the raw scores (tree SHAP). `effect` of all reasons and the base
    rates add up to the probabilities (expected gradients).
    """

    field: str
    value: str | None = Field(description="null if it was not given")
    text: str
    log_odds: dict[str, float]
    effect: dict[str, float] = Field(description="by category, how far it moves the probability from the base rate")


class NextField(BaseModel):
    """Fields that are asked for together, and what they would tell."""

    fields: list[str]
    gain_bits: float = Field(description="by how much the entropy of the category is expected to fall, in bits")


class TrackRecord(BaseModel):
    """How often such answers were right on held-out reports, of which no more was shown than is known of this one."""

    reports: int
    accuracy: float = Field(description="share of `reports` whose likeliest category was right")
    as_sure_reports: int = Field(description="those of `reports` whose answer was about as sure as this one")
    as_sure: float | None = Field(description="share of `as_sure_reports` that was right; null if they are too few")


class Explanation(Prediction):
    """A prediction with the contribution of each field, and the fields that would sharpen it.

    `start`: by category, the score to which the reasons add. `base_rates`: the answer if nothing were known.
    """

    reasons: list[Reason]
    start: dict[str, float]
    base_rates: dict[str, float]
    open_bits: float = Field(description="entropy of the answer, in bits; 0 is certain")
    next_fields: list[NextField] = Field(description="fields that are not known yet, the most telling first")
    track_record: TrackRecord

    model_config = ConfigDict(json_schema_extra={"example": EXPLANATION_EXAMPLE})
