"""Training is deterministic, keeps the newest reports out, and refuses what can't carry a model."""

import re
from pathlib import Path

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.errors import DataError
from crime.core.executors import LocalExecutor
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.training.classifier import train
from crime.training.classifier.train import evaluate_levels, split_by_time, train_category_model

SMALL = {"learning_rate": 0.3, "num_leaves": 4}


def test_held_out_reports_are_the_newest_fifth(small_reports: Reports) -> None:
    order = small_reports.fields["dr_no"].tolist()
    past, held_out = split_by_time(small_reports)
    assert (len(past), len(held_out)) == (1262, 316)
    assert past.minute.max() <= held_out.minute.min()
    assert small_reports.fields["dr_no"].tolist() == order


def test_same_reports_and_seed_give_the_same_model_one_level_after_another(
    small_reports: Reports, small_bundle: CategoryBundle, tmp_path: Path
) -> None:
    shuffled = small_reports.take(np.random.default_rng(5).permutation(len(small_reports)))
    bundle, one = tmp_path / "bundle", LocalExecutor(1)
    again = train_category_model(shuffled, Tally(), bundle, parameters=SMALL, executor=one).bundle
    assert again.spec.sha256 == small_bundle.spec.sha256
    assert again.spec.data.fingerprint == small_bundle.spec.data.fingerprint
    assert again.spec.golden == small_bundle.spec.golden


def test_the_spec_holds_what_an_evaluation_of_the_held_out_reports_gives(
    small_reports: Reports, small_bundle: CategoryBundle
) -> None:
    _, held_out = split_by_time(small_reports)
    spec, scores = small_bundle.spec, evaluate_levels(small_bundle.judged(), held_out)
    assert spec.metrics == {level: figures.short() for level, figures in scores.items()}
    assert spec.confusion == {level: figures.confusion for level, figures in scores.items()}
    assert set(scores) == {"overall", *DETAIL_LEVELS}
    assert sum(map(sum, spec.confusion["overall"])) == len(held_out)
    assert (
        spec.metrics["report"]["log_loss"] < spec.metrics["weapon"]["log_loss"] < spec.metrics["place_time"]["log_loss"]
    )


def test_the_model_that_answers_learnt_from_all_reports_and_the_judged_one_from_the_first(
    small_reports: Reports, small_bundle: CategoryBundle
) -> None:
    past, held_out = split_by_time(small_reports)
    for model, reports in ((small_bundle, small_reports), (small_bundle.judged(), past)):
        shares = np.bincount(reports.label, minlength=7) / len(reports)
        np.testing.assert_allclose(model.naive_bayes.category_shares(), shares, atol=1e-6)
    judged = small_bundle.spec.judged
    assert judged
    assert (judged.trained_on, judged.last_minute) == (len(past), past.minute.max())
    losses = [evaluate_levels(model, held_out)["report"].log_loss for model in (small_bundle, small_bundle.judged())]
    assert losses[0] < 0.8 * losses[1]  # it has seen them


def test_the_spec_describes_the_model(small_bundle: CategoryBundle) -> None:
    spec = small_bundle.spec
    assert sum(spec.gain.values()) == pytest.approx(1, abs=1e-3)
    assert list(spec.gain) == small_bundle.names
    assert all(rounds >= 1 for rounds in spec.rounds.values())
    assert (spec.parameters["num_leaves"], spec.parameters["lambda_l2"]) == (4, 3.0)
    small_bundle.verify()


def test_victim_columns_only_when_asked_for(
    small_reports: Reports, small_bundle: CategoryBundle, tmp_path: Path
) -> None:
    columns = {"victim_age", "victim_sex", "victim_descent"}
    assert not columns & set(small_bundle.spec.features)
    some = small_reports.take(np.arange(0, len(small_reports), 2))
    bundle = train_category_model(some, Tally(), tmp_path / "bundle", victim=True, parameters=SMALL).bundle
    assert columns <= set(bundle.spec.features)
    assert bundle.spec.victim


def test_the_model_that_answers_has_as_many_rounds_as_the_judged_one(small_reports: Reports, tmp_path: Path) -> None:
    some = small_reports.take(np.arange(0, len(small_reports), 2))
    spec = train_category_model(some, Tally(), tmp_path / "bundle", parameters=SMALL).bundle.spec
    assert spec.judged is not None
    assert spec.rounds == spec.judged.rounds


def test_of_a_large_table_trees_see_each_report_once(
    small_reports: Reports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "LARGE_TABLE", len(small_reports))
    few = small_reports.take(np.arange(1, len(small_reports)))
    small = train_category_model(few, Tally(), tmp_path / "few").bundle.spec
    large = train_category_model(small_reports, Tally(), tmp_path / "all").bundle.spec
    assert (small.parameters["num_leaves"], large.parameters["num_leaves"]) == (8, 16)
    rows = [
        int(re.findall(r"internal_count=(\d+)", (tmp_path / name / "report.txt").read_text())[0])
        for name in ("few", "all")
    ]
    assert rows[1] < 0.6 * rows[0]
    assert large.metrics["report"]["log_loss"] < 1.3 * small.metrics["report"]["log_loss"]


def test_progress_of_each_level_goes_up_to_the_end(small_reports: Reports, tmp_path: Path) -> None:
    calls: list[tuple[str, float]] = []
    some = small_reports.take(np.arange(0, len(small_reports), 2))
    train_category_model(
        some, Tally(), tmp_path / "bundle", parameters=SMALL, progress=lambda what, share: calls.append((what, share))
    )
    steps = [f"{model}{name}" for model in ("judged: ", "") for name in DETAIL_LEVELS.values()]
    seen = list(dict.fromkeys(what for what, _ in calls))
    assert (set(seen[:4]), set(seen[4:])) == (set(steps[:4]), set(steps[4:]))  # levels are trained at the same time
    for name in steps:
        shares = [share for what, share in calls if what == name]
        assert shares == sorted(shares)
        assert 0 < shares[0] <= shares[-1] <= 1


def test_too_few_reports_are_refused(small_reports: Reports, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="100 good reports are too few"):
        train_category_model(small_reports.take(np.arange(100)), Tally(), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_reports_without_mo_codes_are_refused(small_reports: Reports, tmp_path: Path) -> None:
    unknown = small_reports.take(slice(None))
    unknown.fields["mocodes"] = np.full(len(unknown), None, object)
    with pytest.raises(DataError, match="training needs the columns of premise, weapon, and MO codes"):
        train_category_model(unknown, Tally(), tmp_path / "bundle")
