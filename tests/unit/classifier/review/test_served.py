"""Review of records by a model that did not learn from them."""

from dataclasses import replace

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.naive_bayes import NaiveBayes
from crime.classifier.review.served import CodeProbabilities, RunningReview, ServedReview
from crime.core.errors import BundleError, DataError
from crime.reports.categories import CRIME_CODES, SYSTEM_OF_CODE, crime_code_index
from crime.reports.table import Reports
from reviewed import plant_pairs
from sklearn.metrics import average_precision_score


@pytest.fixture(scope="module")
def model(small_bundle: CategoryBundle) -> CategoryBundle:
    return small_bundle.judged()


@pytest.fixture(scope="module")
def unseen(small_reports: Reports, model: CategoryBundle) -> Reports:
    """Records that the model did not learn from."""
    return small_reports.take(np.flatnonzero(small_reports.minute > model.judged_until))


def review(model: CategoryBundle, records: Reports, top: int = 1000, block: int = 10_000) -> ServedReview:
    running = RunningReview(model, top)
    numbers = np.arange(1, len(records) + 1)
    for first in range(0, len(records), block):
        rows = slice(first, first + block)
        running.add(records.take(rows), numbers[rows])
    return running.result()


def test_probabilities_of_a_category_s_codes_add_up_to_the_category_s(model: CategoryBundle, unseen: Reports) -> None:
    codes = CodeProbabilities(model)
    probabilities = np.exp(codes.logs(unseen))
    assert probabilities.sum(1) == pytest.approx(1)
    by_category = np.add.reduceat(probabilities, np.unique(model.naive_bayes.category, return_index=True)[1], axis=1)
    answer = model.predict(unseen.fields, len(unseen)).probabilities[:, np.unique(model.naive_bayes.category)]
    assert by_category == pytest.approx(answer / answer.sum(1, keepdims=True), abs=1e-6)
    other_system = SYSTEM_OF_CODE[codes.codes][None] != unseen.fields["system"][:, None]
    assert (probabilities[other_system] == 0).all()


def test_planted_errors_come_first(model: CategoryBundle, unseen: Reports) -> None:
    code = plant_pairs(unseen.code, 0.04)
    wrong = code != unseen.code
    doubt = np.zeros(len(unseen))
    for record in review(model, replace(unseen, code=code)).records:
        doubt[record.row - 1] = record.doubt
    assert average_precision_score(wrong, doubt) > 4 * wrong.mean()


def test_the_answer_does_not_depend_on_blocks_and_keeps_the_most_doubtful(
    model: CategoryBundle, unseen: Reports
) -> None:
    whole, in_blocks = review(model, unseen), review(model, unseen, top=10, block=37)
    assert in_blocks.records == whole.records[:10]
    assert in_blocks.reviewed == whole.reviewed
    doubts = [record.doubt for record in whole.records]
    assert doubts == sorted(doubts, reverse=True)
    assert [depth.records for depth in whole.depths] == [depth.records for depth in in_blocks.depths]


def test_what_speaks_for_a_likelier_code_is_told(model: CategoryBundle, unseen: Reports) -> None:
    for record in review(model, unseen).records:
        is_own_likeliest = record.likelier[0][0] == record.code
        assert bool(record.reasons) != is_own_likeliest
        assert 1 >= record.likelier[0][1] >= record.likelier[1][1] >= 0
        assert not record.is_seen or record.minute <= (model.limits.last + 1) * 1440


def test_a_code_that_the_model_never_met_is_counted_and_left_out(model: CategoryBundle, unseen: Reports) -> None:
    met = set(CodeProbabilities(model).codes.tolist())
    never = next(index for index, crime in enumerate(CRIME_CODES) if index not in met and crime.system == "legacy")
    code = unseen.code.copy()
    code[3] = never
    before, answer = review(model, unseen), review(model, replace(unseen, code=code))
    assert before.reviewed + before.unknown_code == len(unseen)
    assert (answer.reviewed, answer.unknown_code) == (before.reviewed - 1, before.unknown_code + 1)
    assert 4 not in {record.row for record in answer.records}


def test_a_table_without_a_record_to_review_has_an_empty_answer(model: CategoryBundle, unseen: Reports) -> None:
    answer = review(model, replace(unseen, code=np.full(len(unseen), -1)))
    assert (answer.reviewed, answer.unknown_code, answer.records) == (0, len(unseen), [])


def test_a_model_of_an_earlier_release_refuses(model: CategoryBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = model.naive_bayes
    earlier = NaiveBayes(tables.names, tables.table, tables.lookup, tables.category)
    monkeypatch.setattr(model, "naive_bayes", earlier)
    with pytest.raises(BundleError, match="train a new version"):
        RunningReview(model, 10)


def test_codes_are_kept_in_the_bundle(model: CategoryBundle) -> None:
    assert model.naive_bayes.codes is not None
    assert crime_code_index()["legacy", "510"] in model.naive_bayes.codes


def test_kinds_are_those_of_the_first_hundredth_however_many_are_kept(model: CategoryBundle, unseen: Reports) -> None:
    many = unseen.take(np.tile(np.arange(len(unseen)), 4))
    assert review(model, many, top=1).kinds == review(model, many).kinds
    assert sum(review(model, many, top=1).kinds.values()) == len(many) // 100


def test_a_table_of_more_records_than_a_pod_bears_is_refused(
    model: CategoryBundle, unseen: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crime.classifier.review.served.MAX_RECORDS", 100)
    with pytest.raises(DataError, match="more than 100 records"):
        review(model, unseen, block=50)


def test_few_records_tell_no_bound(model: CategoryBundle, unseen: Reports) -> None:
    for depth in review(model, unseen.take(np.arange(12))).depths:
        assert depth.wrong_at_most[1] <= depth.records
