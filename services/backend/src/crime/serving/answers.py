"""Answers of prediction routes as JSON, in the form of the models in `payloads.predictions`.

A single answer is a dictionary; a list of answers is written as text. Building a pydantic model for each answer would
take as long as the prediction.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic_core import to_json

from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ScoredReports
from crime.features.definitions import ReportFields
from crime.features.field_text import value_text
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.schema import DETAIL_LEVELS
from crime.serving.explanation_words import reason_text
from crime.serving.payloads.report_list import ReportList
from crime.serving.payloads.report_warnings import odd_values
from crime.serving.prediction_service import ExplanationAnswer, PredictionAnswer

PROBABILITY_DECIMALS, MILLISECOND_DECIMALS, BIT_DECIMALS = 6, 4, 3
ROWS_PER_BLOCK = 1_000  # whose probabilities are texts at a time
_LEVELS = list(DETAIL_LEVELS)
# Pieces of an answer's JSON: by label, the text up to the probability; and a template for all categories' probabilities
_BEGINNINGS = [
    f'{{"label":{label},"label_name":{to_json(name).decode()},"probability":'
    for label, name in enumerate(CATEGORY_NAMES)
]
_PROBABILITIES = f',"probabilities":{{{",".join(f"{to_json(name).decode()}:%s" for name in CATEGORY_NAMES)}}},'


def prediction_row(answer: PredictionAnswer) -> dict[str, Any]:
    """The fields of a `Prediction`."""
    probabilities = _by_category(answer.prediction.probabilities)
    label_name = CATEGORY_NAMES[answer.label]
    return {
        "label": answer.label,
        "label_name": label_name,
        "probability": probabilities[label_name],
        "probabilities": probabilities,
        "level": answer.prediction.level,
        "missing": answer.missing,
        "unknown_codes": answer.unknown_codes,
        "warnings": answer.warnings,
        "model_name": answer.model_name,
        "model_version": answer.model_version,
        "inference_time_ms": round(answer.seconds * 1000, MILLISECOND_DECIMALS),
    }


def predictions_json(model: CategoryBundle, reports: ReportList, scored: ScoredReports, seconds: float) -> bytes:
    """A JSON list with a `Prediction` for each report of a list. `seconds`: the time all of them took.

    Texts that many answers share are written once.
    """
    milliseconds = round(seconds / len(reports.missing) * 1000, MILLISECOND_DECIMALS)
    end = to_json({"model_name": model.name, "model_version": model.version, "inference_time_ms": milliseconds})[1:]
    fields = reports.reports.fields
    unknown, odd = unmet_codes(model, fields, reports.unknown_codes), odd_values(model.limits, fields)
    levels, labels = scored.level.tolist(), scored.probabilities.argmax(1).tolist()
    notes: dict[tuple[int, int], str] = {}  # by level and list of missing fields, where there is nothing else to note
    parts = ["["]
    for first in range(0, len(labels), ROWS_PER_BLOCK):
        numbers = scored.probabilities[first : first + ROWS_PER_BLOCK].round(PROBABILITY_DECIMALS).ravel().tolist()
        texts = to_json(numbers)[1:-1].decode().split(",")
        for row, start in enumerate(range(0, len(texts), len(CATEGORY_NAMES)), first):
            shares = texts[start : start + len(CATEGORY_NAMES)]
            missing, warnings = reports.missing[row], reports.warnings[row] + odd.get(row, [])
            key = (levels[row], id(missing))
            note = notes.get(key)
            if note is None or warnings or row in unknown:
                note = _note(levels[row], missing, unknown.get(row, []), warnings, end)
                if not warnings and row not in unknown:
                    notes[key] = note
            parts.append(_BEGINNINGS[labels[row]])
            parts.append(shares[labels[row]])
            parts.append(_PROBABILITIES % tuple(shares))
            parts.append(note)
    parts[-1] = f"{parts[-1][:-1]}]"
    return "".join(parts).encode()


def _note(level: int, missing: list[str], unknown: list[str], warnings: list[str], end: bytes) -> str:
    """What follows the probabilities of an answer, up to the comma after it."""
    noted = {"level": _LEVELS[level], "missing": missing, "unknown_codes": unknown, "warnings": warnings}
    return f"{to_json(noted).decode()[1:-1]},{end.decode()},"


def unmet_codes(
    model: CategoryBundle, fields: ReportFields, unknown_codes: Mapping[int, list[str]]
) -> dict[int, list[str]]:
    """By row its `unknown_codes`, which LAPD's tables lack, and those that the model's vocabularies lack."""
    unknown = dict(unknown_codes)
    for name, vocabulary in model.encoder.vocabularies.items():
        codes = fields[name]
        unmet = np.isnan(vocabulary.numbers(codes)) & (codes != None)  # noqa: E711 (elementwise)
        for row in np.flatnonzero(unmet).tolist():
            unknown[row] = [*unknown.get(row, ()), model.encoder.unmet_code(name, codes[row])]
    return unknown


def explanation_row(answer: ExplanationAnswer) -> dict[str, Any]:
    """The fields of an `Explanation`."""
    explanation = answer.explanation
    record = explanation.track_record
    return {
        **prediction_row(answer.answer),
        "reasons": [_reason(answer, column) for column in answer.columns],
        "start": _by_category(explanation.start),
        "base_rates": _by_category(explanation.base_rates),
        "open_bits": round(explanation.open_bits, BIT_DECIMALS),
        "next_fields": [
            {"fields": list(field.columns), "gain_bits": round(field.gain, BIT_DECIMALS)}
            for field in explanation.next_fields
        ],
        "track_record": {
            "reports": record.reports,
            "accuracy": round(record.accuracy, PROBABILITY_DECIMALS),
            "as_sure_reports": record.as_sure_reports,
            "as_sure": None if record.as_sure is None else round(record.as_sure, PROBABILITY_DECIMALS),
        },
    }


def _reason(answer: ExplanationAnswer, column: str) -> dict[str, Any]:
    explanation, label = answer.explanation, answer.answer.label
    effect = explanation.effects.get(column, np.zeros(len(CATEGORY_NAMES)))
    value = None if column in answer.answer.missing else value_text(column, answer.fields)
    return {
        "field": column,
        "value": value,
        "text": reason_text(column, value, float(effect[label]), CATEGORY_NAMES[label]),
        "log_odds": _by_category(explanation.contributions[column]),
        "effect": _by_category(effect),
    }


def _by_category(values: np.ndarray) -> dict[str, float]:
    rounded = [round(value, PROBABILITY_DECIMALS) for value in values.tolist()]
    return dict(zip(CATEGORY_NAMES, rounded, strict=True))
