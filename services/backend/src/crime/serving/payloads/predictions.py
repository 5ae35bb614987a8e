"""Predictions and explanations as the OpenAPI document describes them; `crime.serving.answers` builds their JSON."""

from pydantic import BaseModel, Field

from crime.reports.schema import DETAIL_LEVELS
from crime.reports.systems import System

REPORT_REFERENCE = {"$ref": "#/components/schemas/Report"}  # the body of endpoints that parse reports themselves


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
    """The contribution of one field. `log_odds` of all reasons and `start` add up to the raw scores (tree SHAP)."""

    field: str
    value: str | None
    text: str
    log_odds: dict[str, float]


class Explanation(Prediction):
    """A prediction with the contribution of each field. `start`: by category, the score to which the reasons add."""

    reasons: list[Reason]
    start: dict[str, float]
