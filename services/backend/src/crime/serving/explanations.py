"""Predictions, and why."""

from time import perf_counter
from typing import Any

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.classifier.explanation import explain
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.codes import code_names
from crime.serving.answers import by_category, prediction_answer
from crime.serving.payloads.report import Report, report_fields

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def explain_report(model: CategoryBundle, report: Report) -> dict[str, Any]:
    fields, missing, unknown = report_fields(report)
    start = perf_counter()
    explanation = explain(model, fields)
    took = perf_counter() - start
    prediction, parts = explanation.prediction, explanation.contributions
    answer = prediction_answer(model, missing, unknown, prediction.probabilities, prediction.level, took)
    label = answer["label"]

    def push(part: str) -> float:  # scores are relative: what counts is the push against the other categories
        return float(parts[part][label] - parts[part].mean())

    reasons = []
    for part in sorted(parts, key=lambda part: -abs(push(part))):
        value = None if part in missing else _in_words(part, fields)
        rest = "not given" if value is None else value
        reasons.append(
            {
                "field": part,
                "value": value,
                "text": f"{_FIELD_WORDS.get(part, part)}: {rest}, {_strength(push(part))} {CATEGORY_NAMES[label]}",
                "log_odds": by_category(parts[part]),
            }
        )
    return {**answer, "reasons": reasons, "start": by_category(explanation.start)}


_FIELD_WORDS = {
    "DATE OCC": "Date",
    "TIME OCC": "Time",
    "AREA": "Area",
    "Rpt Dist No": "Reporting district",
    "LAT": "Latitude",
    "LON": "Longitude",
    "Date Rptd": "Reported",
    "Premis Cd": "Premise",
    "Weapon Used Cd": "Weapon",
    "Mocodes": "MO codes",
}


def _strength(push: float) -> str:
    words = "speaks {} {}" if abs(push) >= 0.05 else "says little about"
    size = "strongly" if abs(push) >= 1 else "clearly" if abs(push) >= 0.3 else "slightly"
    return words.format(size, "for" if push > 0 else "against")


def _in_words(part: str, fields: Any) -> str:
    column, _, code = part.partition(" ") if part.startswith("Mocodes ") else (part, "", "")
    if code:
        return f"{code} {code_names('mo').get(code, '')}".strip()
    match column:
        case "DATE OCC":
            day = np.datetime64(int(fields["date_occ"]), "D")
            return f"{WEEKDAYS[(int(fields['date_occ']) + 3) % 7]}, {day}"
        case "TIME OCC":
            return f"{fields['time_occ'] // 60:02}:{fields['time_occ'] % 60:02}"
        case "AREA":
            return code_names("area")[str(fields["area"])]
        case "Rpt Dist No":
            return str(fields["rpt_dist_no"])
        case "LAT" | "LON":
            return f"{fields[column.lower()]:.4f}"
        case "Date Rptd":
            days = int(fields["date_rptd"] - fields["date_occ"])
            return "the same day" if not days else f"{days:,} day{'s' * (days > 1)} later"
        case "Premis Cd" | "Weapon Used Cd":
            code, codes = (
                (fields["premis_cd"], "premis") if column == "Premis Cd" else (fields["weapon_used_cd"], "weapon")
            )
            return code_names(codes).get(f"{code:g}", f"code {code:g}") if code else "none recorded"
        case "Mocodes":
            return "their number, and all that were not given"
        case _:
            return f"{fields[column.lower().replace(' ', '_')]:g}"
