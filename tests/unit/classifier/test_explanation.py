"""An explanation adds up to the answer it explains, ranks what is asked for next, and needs no field at all."""

from typing import Any

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.explanation import Explainer
from crime.classifier.held_out import HeldOutReports
from crime.classifier.next_fields import entropy
from crime.classifier.track_record import Outcomes
from crime.features.detail_levels import mask_above
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.sources import FIELD_OF_NAME, REQUIRED_FIELDS
from crime.reports.table import Reports

UNKNOWN: dict[str, Any] = {"premis_cd": None, "weapon_used_cd": None, "mocodes": None}
UNKNOWN |= dict.fromkeys(("date_rptd", "rpt_dist_no", "lat", "lon"), np.nan)
NOTHING = UNKNOWN | dict.fromkeys(REQUIRED_FIELDS, np.nan)


@pytest.fixture(scope="module")
def explainer(small_bundle: CategoryBundle) -> Explainer:
    return Explainer(small_bundle)


def rows(reports: Reports, level: DetailLevel, step: int) -> list[dict[str, Any]]:
    fields = mask_above(reports.fields, level)
    return [{name: column[row] for name, column in fields.items()} for row in range(0, len(reports), step)]


@pytest.mark.parametrize("level", DETAIL_LEVELS)
def test_start_and_contributions_add_up_to_the_scores(
    level: DetailLevel, explainer: Explainer, small_bundle: CategoryBundle, small_reports: Reports
) -> None:
    for fields in rows(small_reports, level, 97):
        explanation = explainer.explain(fields)
        alone = small_bundle.predict_one(fields)
        np.testing.assert_allclose(explanation.prediction.probabilities, alone.probabilities, atol=1e-12)
        assert explanation.prediction.level == alone.level
        scores = explanation.start + sum(explanation.contributions.values())
        np.testing.assert_allclose(np.exp(scores) / np.exp(scores).sum(), alone.probabilities, atol=1e-6)


@pytest.mark.parametrize("hidden", [(), ("time_occ",), REQUIRED_FIELDS])
@pytest.mark.parametrize("level", DETAIL_LEVELS)
def test_base_rates_and_effects_add_up_to_the_probabilities(
    level: DetailLevel, hidden: tuple[str, ...], explainer: Explainer, small_reports: Reports
) -> None:
    for fields in rows(small_reports, level, 197):
        explanation = explainer.explain(fields | dict.fromkeys(hidden, np.nan))
        added = explanation.base_rates + sum(explanation.effects.values())
        np.testing.assert_allclose(added, explanation.prediction.probabilities, atol=1e-12)
        assert not {"DATE OCC", "TIME OCC", "AREA"} & explanation.effects.keys() if hidden == REQUIRED_FIELDS else True


def test_what_the_integral_leaves_over_is_small(
    explainer: Explainer, small_reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_over = []

    def completed(effects: np.ndarray, difference: np.ndarray) -> np.ndarray:
        left_over.append(np.abs(difference - effects.sum(0)).max())
        return effects

    monkeypatch.setattr("crime.classifier.explanation._completed", completed)
    for level in DETAIL_LEVELS:
        for fields in rows(small_reports, level, 97):
            explainer.explain(fields)
    assert np.mean(left_over) < 0.05


def test_a_report_of_which_nothing_is_known_gets_the_base_rates(
    explainer: Explainer, small_bundle: CategoryBundle, small_reports: Reports
) -> None:
    explanation = explainer.explain(rows(small_reports, "report", 1000)[0] | NOTHING)
    np.testing.assert_allclose(explanation.prediction.probabilities, small_bundle.naive_bayes.category_shares())
    assert not explanation.effects
    assert {("TIME OCC",), ("AREA",), ("Premis Cd",)} <= {field.columns for field in explanation.next_fields}


def test_an_answer_without_a_time_is_the_mean_over_the_probable_times(
    explainer: Explainer, small_bundle: CategoryBundle, small_reports: Reports
) -> None:
    fields = rows(small_reports, "premise", 1000)[0]
    answers = [
        small_bundle.predict_one(fields | {"time_occ": minute}).probabilities
        for minute in small_bundle.held_out.fields["time_occ"]
    ]
    without = explainer.explain(fields | {"time_occ": np.nan}).prediction.probabilities
    assert np.min(answers, 0) == pytest.approx(np.min([np.min(answers, 0), without], 0))
    assert without == pytest.approx(np.mean(answers, 0), abs=0.08)  # times are as probable as the premise makes them


def test_a_time_that_is_not_known_is_no_particular_time(explainer: Explainer, small_reports: Reports) -> None:
    fields = rows(small_reports, "premise", 1000)[0]
    at = [explainer.explain(fields | {"time_occ": minute}).prediction.probabilities for minute in (0, 720)]
    without = explainer.explain(fields | {"time_occ": np.nan}).prediction.probabilities
    assert min(np.abs(answer - without).max() for answer in at) > 1e-3


def test_each_mo_code_that_the_model_knows_stands_by_itself(
    explainer: Explainer, small_bundle: CategoryBundle, small_reports: Reports
) -> None:
    for fields in rows(small_reports, "report", 97):
        explanation = explainer.explain(fields)
        for entries in (explanation.contributions, explanation.effects):
            assert sorted(name for name in entries if name.startswith("Mocodes ")) == sorted(
                f"Mocodes {code}" for code in set(fields["mocodes"]) & set(small_bundle.encoder.mo)
            )


def test_columns_above_the_level_contribute_nothing(explainer: Explainer, small_reports: Reports) -> None:
    for fields in rows(small_reports, "premise", 197):
        columns = set(explainer.explain(fields).contributions)
        assert "Premis Cd" in columns
        assert not {"Weapon Used Cd", "Mocodes"} & columns


def test_expected_gains_come_true(small_bundle: CategoryBundle) -> None:
    """On held-out reports, filling in a field reduces the entropy by as much as expected, the first field by most."""
    judged = small_bundle.judged()
    held_out = judged.held_out
    half = {name: values[::2] for name, values in held_out.fields.items()}
    judged.held_out = HeldOutReports(half, held_out.label[::2])  # probable values come from other reports than these
    explainer = Explainer(judged)
    expected: dict[str, list[float]] = {}
    realised: dict[str, list[float]] = {}
    first: list[float] = []
    others: list[float] = []
    for row in range(1, len(held_out), 2):
        whole = {name: values[row] for name, values in held_out.fields.items()}
        report = whole | UNKNOWN
        explanation = explainer.explain(report)
        for rank, field in enumerate(explanation.next_fields):
            (name, *_) = field.columns
            filled = report | {FIELD_OF_NAME[column]: whole[FIELD_OF_NAME[column]] for column in field.columns}
            gained = explanation.open_bits - float(entropy(judged.predict_one(filled).probabilities))
            expected.setdefault(name, []).append(field.gain)
            realised.setdefault(name, []).append(gained)
            (others if rank else first).append(gained)
    for name in ("Mocodes", "Weapon Used Cd", "Premis Cd", "Date Rptd"):
        standard_error = np.std(realised[name]) / len(realised[name]) ** 0.5
        assert abs(np.mean(realised[name]) - np.mean(expected[name])) < 3 * standard_error + 0.05, name
    assert np.mean(first) > np.mean(others) + 0.3


def test_the_track_record_is_that_of_the_same_fields(
    explainer: Explainer, small_bundle: CategoryBundle, small_reports: Reports
) -> None:
    records = [explainer.explain(rows(small_reports, level, 1000)[0]).track_record for level in DETAIL_LEVELS]
    for level, record in zip(DETAIL_LEVELS, records, strict=True):
        assert record.accuracy == pytest.approx(small_bundle.spec.metrics[level]["accuracy"], abs=0.03)
        assert record.reports == len(small_bundle.held_out)
    fields = rows(small_reports, "report", 1000)[0] | {"premis_cd": None, "weapon_used_cd": None}
    without = explainer.explain(fields)  # MO codes make it the most detailed level, but it is not a whole report
    assert without.prediction.level == "report"
    assert without.track_record.accuracy < records[-1].accuracy


def test_equal_answers_are_judged_together() -> None:
    outcomes = Outcomes(np.repeat([0.4, 0.95], [100, 900]), np.arange(1000) % 100 < 40)
    equal = outcomes.near(0.42)
    assert (equal.as_sure_reports, equal.as_sure, equal.accuracy) == (100, 0.4, 0.4)


def test_too_few_answers_as_sure_say_nothing() -> None:
    record = Outcomes(np.append(np.full(19, 0.6), np.full(900, 0.95)), np.ones(919, bool)).near(0.65)
    assert (record.as_sure_reports, record.as_sure) == (19, None)


def test_sure_answers_were_right_more_often(explainer: Explainer, small_reports: Reports) -> None:
    answers = [explainer.explain(fields) for fields in rows(small_reports, "weapon", 31)]
    told = [answer for answer in answers if answer.track_record.as_sure is not None]
    said = [answer.prediction.probabilities.max() for answer in told]
    assert len(told) > len(answers) / 2
    assert np.corrcoef(said, [answer.track_record.as_sure for answer in told])[0, 1] > 0.6
