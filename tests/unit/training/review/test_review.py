"""What an analyst sees of a review: the wrong records first, likelier codes, and nothing that rarity alone explains."""

from dataclasses import replace

import numpy as np
import pytest
from crime.classifier.review.doubt import doubt_of
from crime.classifier.review.kinds import KINDS
from crime.core.errors import DataError
from crime.reports.categories import CRIME_CODES, SYSTEM_OF_CODE
from crime.reports.table import Reports
from crime.training.review.review import review_records
from reviewed import Planted


def test_planted_errors_come_first(planted: Planted) -> None:
    first = planted.review.rank <= len(planted.wrong) // 50
    assert planted.wrong.mean() == pytest.approx(0.04, abs=0.001)
    assert planted.wrong[first].mean() > 6 * planted.wrong.mean()
    assert np.median(planted.review.rank[planted.wrong]) < 0.15 * len(planted.wrong)


def test_the_right_code_of_a_planted_error_is_among_the_two_likeliest(planted: Planted, records: Reports) -> None:
    right = records.code[planted.wrong, None] == planted.review.code[planted.wrong]
    assert right.any(1).mean() > 0.6


def test_a_rare_code_is_not_doubted_for_being_rare(planted: Planted) -> None:
    review, code = planted.review, planted.records.code
    counts = np.bincount(code)
    rare = (counts[code] <= 3) & ~planted.wrong
    depth = len(code) // 20
    by_probability = np.argsort(review.own_probability)[:depth]
    assert rare.sum() > 20
    assert rare[by_probability].sum() > 0.4 * rare.sum()
    assert rare[review.rank <= depth].sum() < 0.15 * rare.sum()


def test_ranks_follow_the_doubt_and_equal_ones_the_rows(planted: Planted, records: Reports) -> None:
    order = np.argsort(planted.review.rank)
    assert planted.review.rank[order].tolist() == list(range(1, len(order) + 1))
    assert (np.diff(planted.review.doubt[order]) <= 0).all()
    copies = records.take(np.arange(600) // 2)  # each record twice
    review = review_records(copies)
    assert (review.rank[::2] + 1 == review.rank[1::2]).all()


def test_probabilities_are_of_one_distribution(planted: Planted) -> None:
    review, code = planted.review, planted.records.code
    assert (review.probability[:, 0] >= review.probability[:, 1]).all()
    assert (review.probability.sum(1) <= 1 + 1e-9).all()
    own = review.code[:, 0] == code
    np.testing.assert_allclose(review.probability[own, 0], review.own_probability[own])
    assert (review.own_probability[~own] <= review.probability[~own, 0]).all()
    assert 0.5 < own.mean() < 0.8


def test_a_probability_is_as_often_right_as_it_says(planted: Planted) -> None:
    likely = planted.review.probability[:, 0] > 0.9
    right = planted.review.code[:, 0] == planted.records.code
    assert right[likely].mean() == pytest.approx(planted.review.probability[likely, 0].mean(), abs=0.08)


def test_kinds_and_reasons_are_those_of_the_likelier_code(planted: Planted) -> None:
    review, code = planted.review, planted.records.code
    own = review.code[:, 0] == code
    assert [text is None for text in review.reasons] == own.tolist()
    assert all(1 <= text.count("; ") + 1 <= 3 for text in review.reasons[~own])
    serious = np.array([crime.serious for crime in CRIME_CODES])
    hidden = ~own & serious[review.code[:, 0]] & ~serious[code]
    assert {KINDS[kind] for kind in review.kind[hidden]} == {"serious recorded as minor"}
    assert hidden.sum() > 20


def test_the_same_records_get_the_same_review(planted: Planted) -> None:
    again = review_records(planted.records)
    np.testing.assert_array_equal(again.doubt, planted.review.doubt)
    assert again.depths == planted.review.depths


def test_only_codes_of_the_records_own_system_are_likely(mixed: Reports) -> None:
    review = review_records(mixed)
    system = mixed.fields["system"]
    assert set(system.tolist()) == {0, 1}
    known = review.code >= 0
    assert (SYSTEM_OF_CODE[review.code] == system[:, None])[known].all()
    assert np.isfinite(review.doubt).all()
    assert set(review.rank.tolist()) == set(range(1, len(mixed) + 1))


def test_a_code_that_is_recorded_once_has_a_probability(planted: Planted) -> None:
    counts = np.bincount(planted.records.code)
    once = counts[planted.records.code] == 1
    assert once.sum() > 5
    assert (planted.review.own_probability[once] > 0).all()
    assert np.isfinite(planted.review.doubt[once]).all()


def test_records_of_one_code_leave_nothing_to_doubt(records: Reports) -> None:
    review = review_records(replace(records, code=np.full(len(records), records.code[0])))
    assert (review.own_probability > 0.99).all()
    assert (review.code[:, 1] == -1).all()
    assert not review.reasons.any()
    assert review.depths == []


def test_too_few_records_are_an_error(records: Reports) -> None:
    with pytest.raises(DataError, match="499 records with a known code are too few to review: 500 are needed"):
        review_records(records.take(np.arange(499)))


def test_doubt_is_what_the_fields_add_to_the_share_of_a_code() -> None:
    share = np.array([0.01, 0.01, 0.01])
    doubt = doubt_of(np.log([0.01, 0.5, 0.001]), share)
    assert doubt[0] == pytest.approx(0)  # the fields say nothing
    assert doubt[1] == pytest.approx(-np.log(99))
    assert doubt[2] == pytest.approx(np.log(999 / 99))
