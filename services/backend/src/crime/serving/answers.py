"""Answers of prediction routes as JSON, in the form of the models in `payloads.predictions`.

They are plain dictionaries: a pydantic model of each would take as long as the prediction.
"""

from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ScoredReports
from crime.features.definitions import ReportFields
from crime.features.field_text import value_text
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.systems import SYSTEMS
from crime.serving.explanation_words import reason_text
from crime.serving.payloads.report_list import ReportList
from crime.serving.payloads.report_warnings import value_warnings
from crime.serving.prediction_service import ExplanationAnswer, PredictionAnswer

WARNED_OF = ("date_occ", "system", "area", "rpt_dist_no")
PROBABILITY_DECIMALS, MILLISECOND_DECIMALS, BIT_DECIMALS = 6, 4, 3


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


def prediction_rows(
    model: CategoryBundle, reports: ReportList, scored: ScoredReports, seconds: float
) -> Iterator[dict[str, Any]]:
    """The fields of a `Prediction` for each report of a list. `seconds`: the time all of them took."""
    levels, name, version = list(DETAIL_LEVELS), model.name, model.version
    milliseconds = round(seconds / len(reports.missing) * 1000, MILLISECOND_DECIMALS)
    labels = scored.probabilities.argmax(1).tolist()
    rounded = scored.probabilities.round(PROBABILITY_DECIMALS).tolist()
    unknown = unmet_codes(model, reports.reports.fields, reports.unknown_codes)
    warnings_of = cache(partial(value_warnings, model.limits))  # most reports of a list share their values with others
    fields = [np.nan_to_num(reports.reports.fields[name]).astype(int).tolist() for name in WARNED_OF]
    warnings = [
        unread + warnings_of(day, SYSTEMS[system], area, district)
        for unread, day, system, area, district in zip(reports.warnings, *fields, strict=True)
    ]
    rows = zip(labels, rounded, scored.level.tolist(), reports.missing, warnings, strict=True)
    return (
        {
            "label": label,
            "label_name": CATEGORY_NAMES[label],
            "probability": probabilities[label],
            "probabilities": dict(zip(CATEGORY_NAMES, probabilities, strict=True)),
            "level": levels[level],
            "missing": missing,
            "unknown_codes": unknown.get(row, []),
            "warnings": warnings,
            "model_name": name,
            "model_version": version,
            "inference_time_ms": milliseconds,
        }
        for row, (label, probabilities, level, missing, warnings) in enumerate(rows)
    )


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
