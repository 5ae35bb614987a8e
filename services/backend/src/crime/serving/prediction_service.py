"""Predictions for every format of request: score, time, record and count."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from crime.classifier.bundle import CategoryBundle, Prediction
from crime.classifier.explanation import explain
from crime.classifier.scoring import ScoredReports, score_reports
from crime.features.definitions import ReportFields
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.systems import SYSTEMS
from crime.reports.table import Reports
from crime.serving.metrics import prediction_counter
from crime.serving.model_manager import ModelManager
from crime.serving.payloads.report import ModelInput, Report, model_input
from crime.serving.payloads.report_warnings import value_warnings
from crime.serving.recorder import Recorder


@dataclass(slots=True)
class PredictionAnswer:
    """The answer to one report. `label`: index of the likeliest category; `seconds`: time the prediction took.

    `missing`: as in `ModelInput`. `unknown_codes`: those that LAPD's tables or the model lack. `warnings`: what
    was not read, is odd, or was not learnt. Not frozen: that would take 1 µs more for each answer.
    """

    model_name: str
    model_version: str
    prediction: Prediction
    label: int
    missing: list[str]
    unknown_codes: list[str]
    warnings: list[str]
    seconds: float


@dataclass(frozen=True)
class FieldContribution:
    """What one field contributed to each category's score: `log_odds` (7,).

    `field`: LAPD's column, or one MO code (`Mocodes 0344`). `push`: what it contributed to the answered category's
    score beyond its mean contribution; scores are relative, so this is what moves the probability.
    """

    field: str
    log_odds: np.ndarray
    push: float


@dataclass(frozen=True)
class ExplanationAnswer:
    """An answer and its reasons, strongest first.

    `start` (7,) and all contributions add up to the model's raw scores, in log-odds.
    """

    answer: PredictionAnswer
    fields: ReportFields
    contributions: list[FieldContribution]
    start: np.ndarray


class PredictionService:
    """Predicts with the models of a `ModelManager`; a `Recorder` records the predictions, metrics count them."""

    def __init__(self, models: ModelManager, recorder: Recorder):
        self.models, self.recorder = models, recorder

    def predict_report(self, champion: CategoryBundle, report: Report) -> PredictionAnswer:
        """Predict one report with `champion`, or with the challenger if the report is in its canary share."""
        start = perf_counter()
        inputs = model_input(report)
        model = self.models.answering(report.dr_no, inputs.fields) or champion
        prediction = model.predict_one(inputs.fields)
        seconds = perf_counter() - start
        self.recorder.add(model.version, prediction, report.dr_no, inputs.fields)
        return _answer(model, inputs, prediction, seconds)

    def explain_report(self, champion: CategoryBundle, report: Report) -> ExplanationAnswer:
        """Predict one report with `champion` and explain it. Counted, but not recorded for monitoring."""
        inputs = model_input(report)
        start = perf_counter()
        explanation = explain(champion, inputs.fields)
        answer = _answer(champion, inputs, explanation.prediction, perf_counter() - start)
        contributions = [
            FieldContribution(field, values, float(values[answer.label] - values.mean()))
            for field, values in explanation.contributions.items()
        ]
        contributions.sort(key=lambda contribution: -abs(contribution.push))
        return ExplanationAnswer(answer, inputs.fields, contributions, explanation.start)

    def predict_table(self, champion: CategoryBundle, reports: Reports) -> ScoredReports:
        """Predict a block of a table with `champion`: a table is answered by one model throughout."""
        scored = score_reports(champion, reports)
        accepted = scored.accepted
        if not accepted.all():
            reports = reports.take(accepted)
        if len(reports):
            probabilities, version = scored.probabilities[accepted], champion.version
            self.recorder.add_table(version, reports.fields, probabilities, scored.level[accepted])
            counts = np.bincount(probabilities.argmax(1), minlength=len(CATEGORY_NAMES)).tolist()
            for name, count in zip(CATEGORY_NAMES, counts, strict=True):
                prediction_counter(name, version).inc(count)
        return scored


def _answer(model: CategoryBundle, inputs: ModelInput, prediction: Prediction, seconds: float) -> PredictionAnswer:
    label, version = int(prediction.probabilities.argmax()), model.version
    prediction_counter(CATEGORY_NAMES[label], version).inc()
    unknown_codes = inputs.unknown_codes + model.encoder.unmet_codes(inputs.fields)
    fields = inputs.fields
    day, area, district = int(fields["date_occ"]), int(fields["area"]), fields["rpt_dist_no"]
    system = SYSTEMS[int(fields["system"])]
    known_district = int(district) if district == district else 0
    warnings = inputs.warnings + value_warnings(model.limits, day, system, area, known_district)
    return PredictionAnswer(model.name, version, prediction, label, inputs.missing, unknown_codes, warnings, seconds)
