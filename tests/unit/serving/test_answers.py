"""Predictions and explanations as JSON, and the words of explanations."""

from typing import Any

import numpy as np
import pytest
from crime.classifier.bundle import Prediction
from crime.classifier.explanation import Explanation as ExplanationParts
from crime.classifier.next_fields import NextField
from crime.classifier.track_record import TrackRecord
from crime.reports.categories import CATEGORY_NAMES
from crime.serving.answers import explanation_row, prediction_row
from crime.serving.explanation_words import reason_text
from crime.serving.payloads.predictions import EXPLANATION_EXAMPLE, Explanation
from crime.serving.payloads.report import EXAMPLE_REPORT, Report, model_input
from crime.serving.prediction_service import ExplanationAnswer, PredictionAnswer

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
    explanation = ExplanationParts(
        prediction=ANSWER.prediction,
        contributions={"LAT": np.zeros(7), "Weapon Used Cd": np.arange(7.0)},
        start=np.ones(7),
        base_rates=np.full(7, 1 / 7),
        effects={"Weapon Used Cd": np.full(7, 0.3)},
        open_bits=1.23456,
        next_fields=[NextField(("Premis Cd",), 0.45678)],
        track_record=TrackRecord(500, 0.6, 60, 0.5),
    )
    row = explanation_row(ExplanationAnswer(ANSWER, fields(), explanation, ["Weapon Used Cd", "LAT"]))
    answer = Explanation.model_validate(row)
    assert answer.model_dump() == row
    assert set(answer.start.values()) == {1.0}
    weapon, latitude = answer.reasons
    assert weapon.value == "STRONG-ARM (HANDS, FIST, FEET OR BODILY FORCE)"
    assert weapon.text == f"Weapon: {weapon.value}, raises violence/assault by 30 points"
    assert (weapon.log_odds["violence/assault"], weapon.effect["violence/assault"]) == (1, 0.3)
    assert (latitude.value, latitude.text, set(latitude.effect.values())) == (None, "Latitude: not given", {0})
    assert (answer.open_bits, answer.next_fields[0].fields, answer.next_fields[0].gain_bits) == (
        1.235,
        ["Premis Cd"],
        0.457,
    )


def test_the_example_of_an_explanation_is_one_and_adds_up() -> None:
    example = Explanation.model_validate(EXPLANATION_EXAMPLE)
    for name, probability in example.probabilities.items():
        effects = sum(reason.effect[name] for reason in example.reasons)
        assert example.base_rates[name] + effects == pytest.approx(probability)


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (0.31, "raises sexual crimes by 31 points"),
        (-0.014, "lowers sexual crimes by 1 point"),
        (0.0049, "hardly changes sexual crimes"),
    ],
)
def test_effects_are_told_in_words(effect: float, words: str) -> None:
    assert reason_text("AREA", "Central", effect, "sexual crimes") == f"Area: Central, {words}"
