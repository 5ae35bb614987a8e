"""Predictions and explanations as JSON, and the words of explanations."""

from typing import Any

import numpy as np
import pytest
from crime.classifier.bundle import Prediction
from crime.reports.categories import CATEGORY_NAMES
from crime.serving.answers import explanation_row, prediction_row
from crime.serving.explanation_words import reason_text
from crime.serving.payloads.predictions import Explanation
from crime.serving.payloads.report import EXAMPLE_REPORT, Report, model_input
from crime.serving.prediction_service import ExplanationAnswer, FieldContribution, PredictionAnswer

PROBABILITIES = np.array([0.1234567, 0.5, 0.1, 0.1, 0.1, 0.05, 0.0265433])
ANSWER = PredictionAnswer(
    model_name="crime-category",
    model_version="7",
    prediction=Prediction(PROBABILITIES, "premise"),
    label=1,
    missing=["LAT"],
    unknown_codes=["Premis Cd 999"],
    warnings=["DATE OCC: 2.0 years after"],
    seconds=0.000_123_456,
)


def fields(**changes: Any) -> Any:
    return model_input(Report.model_validate(EXAMPLE_REPORT | changes)).fields


def test_a_prediction_is_rounded_once() -> None:
    assert prediction_row(ANSWER) == {
        "label": 1,
        "label_name": "violence/assault",
        "probability": 0.5,
        "probabilities": dict(zip(CATEGORY_NAMES, [0.123457, 0.5, 0.1, 0.1, 0.1, 0.05, 0.026543], strict=True)),
        "level": "premise",
        "missing": ["LAT"],
        "unknown_codes": ["Premis Cd 999"],
        "warnings": ["DATE OCC: 2.0 years after"],
        "model_name": "crime-category",
        "model_version": "7",
        "inference_time_ms": 0.1235,
    }


def test_an_explanation_is_what_the_document_promises() -> None:
    contributions = [
        FieldContribution("Weapon Used Cd", np.arange(7.0), 1.5),
        FieldContribution("LAT", np.zeros(7), -0.01),
    ]
    row = explanation_row(ExplanationAnswer(ANSWER, fields(), contributions, np.ones(7)))
    explanation = Explanation.model_validate(row)
    assert explanation.model_dump() == row
    assert set(explanation.start.values()) == {1.0}
    weapon, latitude = explanation.reasons
    assert weapon.value == "STRONG-ARM (HANDS, FIST, FEET OR BODILY FORCE)"
    assert weapon.text == f"Weapon: {weapon.value}, speaks strongly for violence/assault"
    assert weapon.log_odds["violence/assault"] == 1
    assert latitude.value is None
    assert latitude.text == "Latitude: not given, says little about violence/assault"


@pytest.mark.parametrize(
    ("push", "words"),
    [
        (1.0, "speaks strongly for"),
        (-2.0, "speaks strongly against"),
        (0.3, "speaks clearly for"),
        (-0.29, "speaks slightly against"),
        (0.05, "speaks slightly for"),
        (-0.049, "says little about"),
    ],
)
def test_strength_is_told_in_words(push: float, words: str) -> None:
    assert reason_text("AREA", "Central", push, "sexual crimes") == f"Area: Central, {words} sexual crimes"
