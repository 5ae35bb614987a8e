"""Predictions for every format of request: score, time, record and count."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from crime.classifier.bundle import CategoryBundle, Prediction
from crime.classifier.explanation import Explainer, Explanation
from crime.classifier.scoring import ScoredReports, score_reports
from crime.features.definitions import ReportFields
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.sources import FIELDS, REQUIRED_FIELDS
from crime.reports.systems import SYSTEMS
from crime.reports.table import Reports
from crime.serving.metrics import LOST, prediction_counter
from crime.serving.model_manager import ModelManager
from crime.serving.payloads.report import ModelInput, PartialReport, Report, model_input
from crime.serving.payloads.report_warnings import value_warnings
from crime.serving.recorder import Recorder

NOT_LIVE = LOST.labels("not live")  # sent with `record=false`


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
class ExplanationAnswer:
    """An answer and its explanation.

    `columns`: the entries of `Explanation.contributions`, those first that move the answered category's probability
    most, and those that are not known last.
    """

    answer: PredictionAnswer
    fields: ReportFields
    explanation: Explanation
    columns: list[str]


class PredictionService:
    """Predicts with the models of a `ModelManager`; a `Recorder` records the predictions, metrics count them."""

    def __init__(self, models: ModelManager, recorder: Recorder):
        self.models, self.recorder = models, recorder
        self._explainer: Explainer | None = None  # of the champion that explained last

    def predict_report(self, champion: CategoryBundle, report: Report) -> PredictionAnswer:
        """Predict one report with `champion`, or with the challenger if the report is in its canary share."""
        start = perf_counter()
        inputs = model_input(report)
        model = self.models.answering(report.dr_no, inputs.fields) or champion
        prediction = model.predict_one(inputs.fields)
        seconds = perf_counter() - start
        self.recorder.add(model.version, prediction, report.dr_no, inputs.fields)
        return _answer(model, inputs, prediction, seconds)

    def explain_report(self, champion: CategoryBundle, report: PartialReport) -> ExplanationAnswer:
        """Predict one report with `champion` and explain it. Counted, but not recorded for monitoring.

        Not safe from two threads at once. Raises `BundleError` if the champion can't explain its answers.
        """
        inputs = model_input(report)
        inputs.missing = [FIELDS[key].name for key in REQUIRED_FIELDS if np.isnan(inputs.fields[key])] + inputs.missing
        if self._explainer is None or self._explainer.model is not champion:
            self._explainer = Explainer(champion)
        start = perf_counter()
        explanation = self._explainer.explain(inputs.fields)
        seconds = perf_counter() - start
        answer = _answer(champion, inputs, explanation.prediction, seconds)
        effects = {name: abs(effect[answer.label]) for name, effect in explanation.effects.items()}
        columns = sorted(explanation.contributions, key=lambda name: -effects.get(name, -1))
        return ExplanationAnswer(answer, inputs.fields, explanation, columns)

    def predict_table(self, champion: CategoryBundle, reports: Reports, record: bool = True) -> ScoredReports:
        """Predict a block of a table with `champion`: a table is answered by one model throughout.

        `record`: the reports are live ones, which drift and performance are measured on.
        """
        scored = score_reports(champion, reports)
        accepted = scored.accepted
        if not accepted.all():
            reports = reports.take(accepted)
        if len(reports):
            probabilities, version = scored.probabilities[accepted], champion.version
            if record:
                self.recorder.add_table(version, reports.fields, probabilities, scored.level[accepted])
            else:
                NOT_LIVE.inc(len(reports))
            counts = np.bincount(probabilities.argmax(1), minlength=len(CATEGORY_NAMES)).tolist()
            for name, count in zip(CATEGORY_NAMES, counts, strict=True):
                prediction_counter(name, version).inc(count)
        return scored


def _answer(model: CategoryBundle, inputs: ModelInput, prediction: Prediction, seconds: float) -> PredictionAnswer:
    label, version = int(prediction.probabilities.argmax()), model.version
    prediction_counter(CATEGORY_NAMES[label], version).inc()
    unknown_codes = inputs.unknown_codes + model.encoder.unmet_codes(inputs.fields)
    fields = inputs.fields
    day, area, district = fields["date_occ"], fields["area"], fields["rpt_dist_no"]
    system = SYSTEMS[int(fields["system"])]
    known_day = int(day) if day == day else model.limits.last
    known_district = int(district) if district == district and area == area else 0
    known_area = int(area) if area == area else 0
    warnings = inputs.warnings + value_warnings(model.limits, known_day, system, known_area, known_district)
    return PredictionAnswer(model.name, version, prediction, label, inputs.missing, unknown_codes, warnings, seconds)
