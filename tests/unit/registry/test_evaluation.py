"""Versions are compared on the same reports, and figures by category and area add up to what was answered."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.errors import EvaluationError
from crime.features.detail_levels import mask_above
from crime.registry.evaluation import Evaluation, evaluate_versions
from crime.registry.gates import MIN_UNSEEN_REPORTS, GateName, category_gates
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.training.classifier.train import train_category_model

SMALL = {"learning_rate": 0.3, "num_leaves": 4}


@dataclass(frozen=True)
class Trained:
    """`older` was trained on the first three quarters of the reports by time, `newer` on all."""

    older: CategoryBundle
    newer: CategoryBundle


@pytest.fixture(scope="module")
def trained(small_reports: Reports, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    reports = small_reports.take(slice(None))
    reports.sort()
    folder = tmp_path_factory.mktemp("trained")
    bundles = []
    for version, last in (("old", len(reports) * 3 // 4), ("new", len(reports))):
        train_category_model(reports.take(slice(None, last)), Tally(), folder / version, parameters=SMALL)
        bundles.append(CategoryBundle(folder / version, version))
    return Trained(*bundles)


@pytest.fixture(scope="module")
def evaluation(small_bundle: CategoryBundle) -> Evaluation:
    return evaluate_versions([small_bundle])


def test_figures_of_one_version_are_those_that_training_measured(
    small_bundle: CategoryBundle, evaluation: Evaluation
) -> None:
    """Its held-out reports fit into its bundle, so both are of the same reports."""
    assert evaluation.reports == len(small_bundle.held_out) == small_bundle.spec.data.held_out
    assert (evaluation.first, evaluation.last) == (small_bundle.spec.data.held_out_from, small_bundle.spec.data.until)
    (version,) = evaluation.versions
    assert list(version.levels) == list(DETAIL_LEVELS)
    for level, scores in version.levels.items():
        measured = small_bundle.spec.metrics[level]
        assert scores.accuracy == pytest.approx(measured["accuracy"], abs=1e-6)
        assert scores.log_loss == pytest.approx(measured["log_loss"], abs=1e-6)
        assert scores.confusion == small_bundle.spec.confusion[level]


def test_categories_and_areas_add_up(small_bundle: CategoryBundle, evaluation: Evaluation) -> None:
    held_out, judged = small_bundle.held_out, small_bundle.judged()
    for level, scores in evaluation.versions[0].levels.items():
        top = judged.predict(mask_above(held_out.fields, level), len(held_out)).probabilities.argmax(1)  # type: ignore[arg-type]
        for number, category in enumerate(scores.categories):
            assert category.category == CATEGORY_NAMES[number]
            assert category.reports == (held_out.label == number).sum()
            assert category.answered == (top == number).sum()
            assert category.right == ((top == number) & (held_out.label == number)).sum()
            assert category.recall == pytest.approx(category.right / category.reports)
        assert sum(area.reports for area in scores.areas) == len(held_out)
        right = sum(area.right for area in scores.areas)
        assert right == sum(category.right for category in scores.categories) == round(scores.accuracy * len(held_out))


def test_always_guessing_the_most_frequent_is_beside_it(small_bundle: CategoryBundle, evaluation: Evaluation) -> None:
    guess = CATEGORY_NAMES.index(evaluation.guess)
    label = small_bundle.held_out.label
    assert evaluation.guess_accuracy == pytest.approx((label == guess).mean())
    areas = evaluation.versions[0].levels["report"].areas
    assert sum(area.guess_right for area in areas) == (label == guess).sum()
    assert evaluation.versions[0].levels["report"].accuracy > evaluation.guess_accuracy + 0.2


def test_a_category_that_is_never_answered_has_no_precision(
    small_bundle: CategoryBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always_the_first(self: CategoryBundle, fields: dict[str, np.ndarray], rows: int) -> tuple[np.ndarray, None]:
        return np.tile(np.eye(7)[0], (rows, 1)), None

    monkeypatch.setattr(CategoryBundle, "predict", always_the_first)
    first, second, *_ = evaluate_versions([small_bundle]).versions[0].levels["report"].categories
    assert (first.answered, first.recall) == (len(small_bundle.held_out), 1)
    assert (second.answered, second.precision, second.recall) == (0, None, 0)


def test_two_versions_are_compared_on_reports_that_neither_learnt_from(trained: Trained) -> None:
    """The newer one learnt from most of what the older one held out: that does not count for it."""
    both = evaluate_versions([trained.older, trained.newer])
    unseen = trained.newer.held_out.after(max(trained.older.judged_until, trained.newer.judged_until))
    assert both.reports == len(unseen)
    assert both.first >= trained.newer.spec.data.held_out_from > trained.older.spec.data.held_out_from
    swapped = evaluate_versions([trained.newer, trained.older])
    assert swapped.reports == both.reports
    assert swapped.versions == both.versions[::-1]
    alone = evaluate_versions([trained.older]).versions[0].levels["report"]
    assert both.versions[0].levels["report"].log_loss != alone.log_loss  # which is of other reports


def test_of_two_versions_one_alone_passes_the_gate_over_the_other(trained: Trained) -> None:
    """Whichever challenges, the same two figures are compared: no version wins on reports that it learnt from."""
    gates = {}
    for challenger, champion in ((trained.older, trained.newer), (trained.newer, trained.older)):
        (gates[challenger.version],) = [
            gate for gate in category_gates(challenger, champion) if gate.name == GateName.LOG_LOSS
        ]
    losses = {
        v.version: v.levels["report"].log_loss for v in evaluate_versions([trained.older, trained.newer]).versions
    }
    assert [gate.passed for gate in gates.values()].count(True) == 1
    assert gates[min(losses, key=lambda version: losses[version])].passed
    count = gates["old"].reason.rpartition(" on the same ")[2]
    assert gates["new"].reason.rpartition(" on the same ")[2] == count


def test_too_few_new_reports_are_refused(small_bundle: CategoryBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(
        small_bundle.held_out,
        fields={name: column[: MIN_UNSEEN_REPORTS - 1] for name, column in small_bundle.held_out.fields.items()},
        label=small_bundle.held_out.label[: MIN_UNSEEN_REPORTS - 1],
    )
    monkeypatch.setattr(small_bundle, "held_out", few)
    with pytest.raises(EvaluationError, match=r"99 held-out reports are newer .* and 100 are needed"):
        evaluate_versions([small_bundle])
