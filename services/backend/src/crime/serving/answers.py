"""What the API answers to a prediction."""

from typing import Any

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.reports.categories import CATEGORY_NAMES
from crime.serving.metrics import prediction_counter

REPORT_REFERENCE = {"$ref": "#/components/schemas/Report"}


def by_category(values: Any) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in zip(CATEGORY_NAMES, values, strict=True)}


def prediction_answer(
    model: CategoryBundle, missing: list[str], unknown: list[str], probabilities: np.ndarray, level: str, took: float
) -> dict[str, Any]:
    label = int(probabilities.argmax())
    prediction_counter(CATEGORY_NAMES[label], model.version).inc()
    return {
        "label": label,
        "label_name": CATEGORY_NAMES[label],
        "probability": round(float(probabilities[label]), 6),
        "probabilities": by_category(probabilities),
        "level": level,
        "missing": missing,
        "unknown_codes": unknown,
        "model_name": model.name,
        "model_version": model.version,
        "inference_time_ms": round(took * 1000, 4),
    }
