"""Planted errors are of their kind, and tell how many of the first records may be wrong."""

import numpy as np
import pytest
from crime.classifier.review.kinds import KINDS, kind_of
from crime.classifier.review.planting import NO_CODE, expect_wrong, plant_codes
from crime.reports.categories import CRIME_CODES, SYSTEM_OF_CODE, crime_code_index
from crime.reports.table import Reports
from reviewed import Planted


def frequency(code: np.ndarray) -> np.ndarray:
    return np.bincount(code, minlength=len(CRIME_CODES))


def test_planted_codes_are_of_their_kind_and_system(records: Reports, mixed: Reports) -> None:
    for code in (records.code, mixed.code):
        planted = plant_codes(code, frequency(code))
        for kind, wrong in enumerate(planted.T):
            rows = np.flatnonzero(wrong != NO_CODE)
            assert len(rows) > 100
            assert (wrong[rows] != code[rows]).all()
            assert (kind_of(wrong[rows], code[rows]) == kind).all()
            assert (SYSTEM_OF_CODE[wrong[rows]] == SYSTEM_OF_CODE[code[rows]]).all()
            assert np.isin(wrong[rows], code).all()


def test_planted_codes_are_as_frequent_as_recorded_ones() -> None:
    theft, bicycle, robbery = (crime_code_index()["legacy", code] for code in ("440", "480", "210"))
    code = np.repeat([theft, bicycle, robbery], [900, 100, 1000])
    wrong = plant_codes(code, frequency(code))[code == robbery, KINDS.index("serious recorded as minor")]
    assert (wrong == bicycle).mean() == pytest.approx(0.1, abs=0.03)


def test_a_kind_that_a_record_can_not_have_is_left_out() -> None:
    theft, bicycle = (crime_code_index()["legacy", code] for code in ("440", "480"))
    code = np.repeat([theft, bicycle], 10)
    planted = plant_codes(code, frequency(code))
    assert (planted[:, : KINDS.index("other code")] == NO_CODE).all()
    assert (planted[:10, KINDS.index("other code")] == bicycle).all()


def test_the_share_found_rises_with_the_depth(planted: Planted) -> None:
    depths = planted.review.depths
    assert [depth.records for depth in depths] == [10, 15, 78, 100]
    for kind in KINDS:
        shares = [depth.found[kind] for depth in depths]
        assert shares == sorted(shares)
        assert 0 <= shares[0] < shares[-1] <= 1


def test_the_ranges_hold_the_number_of_planted_errors(planted: Planted) -> None:
    review, wrong = planted.review, planted.wrong
    for depth in review.depths:
        count = wrong[review.rank <= depth.records].sum()
        assert depth.wrong_if_1_percent[0] <= count <= depth.wrong_at_most[1]
        assert depth.wrong_at_most[1] <= depth.records


def test_where_every_planted_error_would_be_found_its_number_is_bounded_by_the_records_looked_at() -> None:
    doubt, all_on_top = np.arange(1000.0), np.full((1000, len(KINDS)), 999.0)
    first, *_ = expect_wrong(doubt, all_on_top)
    assert first.records == 10
    assert set(first.found.values()) == {1.0}
    assert first.wrong_if_1_percent == (10.0, 10.0)  # 1 % of 1,000, all of them found
    assert first.wrong_at_most == (10.0, 10.0)  # 20 records hold 20 at most, 10 records hold 10


def test_where_planted_errors_are_found_by_chance_alone_the_first_records_are_as_all() -> None:
    rng = np.random.default_rng(0)
    depths = expect_wrong(rng.random(20_000), rng.random((20_000, len(KINDS))))
    at_1_percent = next(depth for depth in depths if depth.records == 200)
    assert at_1_percent.wrong_if_1_percent == pytest.approx((2, 2), abs=0.6)
    assert set(at_1_percent.found) == set(KINDS)


def test_a_kind_without_planted_errors_is_not_told() -> None:
    planted = np.full((1000, len(KINDS)), np.nan)
    assert expect_wrong(np.arange(1000.0), planted) == []
    planted[:, 2] = np.arange(1000.0)
    assert [set(depth.found) for depth in expect_wrong(np.arange(1000.0), planted)] == [{"other category"}] * 3
