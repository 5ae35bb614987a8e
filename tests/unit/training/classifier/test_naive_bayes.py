"""Counts of reports add up, and become the likelihoods that a hand computes from them."""

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.naive_bayes import BINNED_FEATURES, NAIVE_BAYES_INPUTS, PROBABILITY_FLOOR, VALUE_LIMIT
from crime.features.definitions import choose_features
from crime.features.encoder import FeatureEncoder
from crime.reports.categories import CATEGORIES, CRIME_CODES, crime_code_index
from crime.reports.table import Reports
from crime.training.classifier.naive_bayes import CodeCounts, fit_naive_bayes, order_codes

NAMES = [*BINNED_FEATURES, "mo_0100"]
# crime codes; the first two are of one category
THEFT, BURGLARY, BATTERY = (crime_code_index()["legacy", code] for code in ("440", "310", "624"))


def matrix(*reports: dict[str, float]) -> np.ndarray:
    return np.array([[report.get(name, np.nan) for name in NAMES] for report in reports], np.float32)


def counts_of(rows: np.ndarray, codes: list[int]) -> CodeCounts:
    counts = CodeCounts(NAMES)
    counts.add(rows, np.array(codes))
    return counts


def assert_equal(left: CodeCounts, right: CodeCounts) -> None:
    for name in ("reports", "bins", "mo_known", "mo"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


def test_counts_of_parts_add_up_and_can_be_taken_out_again(small_reports: Reports) -> None:
    names = choose_features(small_reports.fields)
    rows = FeatureEncoder(names).matrix(small_reports.fields, len(small_reports))
    whole, parts = CodeCounts(names), [CodeCounts(names), CodeCounts(names)]
    whole.add(rows, small_reports.code)
    for index, part in enumerate(parts):
        part.add(rows[index::2], small_reports.code[index::2])
    assert_equal(whole.without(parts[0]), parts[1])
    parts[0].add(rows[1::2], small_reports.code[1::2])
    assert_equal(parts[0], whole)


def test_counts_are_by_code_and_bin() -> None:
    rows = matrix({"area": 7, "minute_of_day": 59}, {"area": 7, "minute_of_day": 60, "mo_0100": 1}, {"mo_0100": 0})
    counts = counts_of(rows, [THEFT, THEFT, BATTERY])
    theft, battery = THEFT, BATTERY
    area, minute = (list(BINNED_FEATURES).index(name) for name in ("area", "minute_of_day"))
    assert (counts.reports[theft], counts.reports[battery]) == (2, 1)
    assert counts.bins[area, theft, 7] == 2
    assert counts.bins[area, battery].sum() == 0
    assert counts.bins[minute, theft, :2].tolist() == [1, 1]
    assert counts.mo_known[[theft, battery]].tolist() == [1, 1]
    assert counts.mo[[theft, battery], 0].tolist() == [1, 0]


def test_without_anything_known_the_answer_is_the_share_of_each_category() -> None:
    tables = fit_naive_bayes(counts_of(matrix({}, {}, {}, {}), [THEFT, BURGLARY, THEFT, BATTERY]))
    shares = np.exp(tables.predict_one(matrix({})[0])) - PROBABILITY_FLOOR
    category = [crime.category for crime in CRIME_CODES]
    assert shares[category[THEFT]] == pytest.approx(0.75, abs=1e-6)
    assert shares[category[BATTERY]] == pytest.approx(0.25, abs=1e-6)


def test_likelihoods_are_shrunk_to_the_category_and_it_to_all_reports() -> None:
    reports: list[dict[str, float]] = [{"area": 1.0}] * 3 + [{"area": 2.0}] * 7
    tables = fit_naive_bayes(counts_of(matrix(*reports), [THEFT] * 3 + [BURGLARY] + [BATTERY] * 6))
    city = 3.5 / 11  # area 1: 3 of 10 reports, each of two areas with half a report more
    thefts = (3 + 100 * city) / (4 + 100)
    batteries = 100 * city / (6 + 100)
    wanted = {
        THEFT: 0.3 * (3 + 20 * thefts) / (3 + 20),
        BURGLARY: 0.1 * (0 + 20 * thefts) / (1 + 20),
        BATTERY: 0.6 * (0 + 20 * batteries) / (6 + 20),
    }
    shares = np.zeros(len(CATEGORIES))
    for code, weight in wanted.items():
        shares[CRIME_CODES[code].category] += weight
    answer = tables.predict_one(matrix({"area": 1})[0])
    np.testing.assert_allclose(answer, np.log(shares / shares.sum() + PROBABILITY_FLOOR), rtol=1e-5)


def test_a_rare_premise_speaks_for_what_happens_in_premises_of_its_kind() -> None:
    """One battery in a shop (4xx), where else only thefts happen, against one in a home (5xx), as the others."""
    thefts: list[dict[str, float]] = [{"premise": 404.0}] * 60
    batteries: list[dict[str, float]] = [{"premise": 501.0}] * 58 + [{"premise": 405.0}, {"premise": 502.0}]
    kinds = {"premise": np.arange(VALUE_LIMIT) // 100}
    tables = fit_naive_bayes(counts_of(matrix(*thefts, *batteries), [THEFT] * 60 + [BATTERY] * 60), kinds)
    of_theft = [
        np.exp(tables.predict_one(matrix({"premise": code})[0])[CRIME_CODES[THEFT].category])
        for code in (404, 405, 502, 501)
    ]
    assert of_theft == sorted(of_theft, reverse=True)
    assert of_theft[1] > 3 * of_theft[2]


def test_shares_of_a_crime_code_add_up_to_one(small_bundle: CategoryBundle) -> None:
    tables = small_bundle.naive_bayes
    for lookup in tables.lookup:
        rows = np.unique(lookup[lookup > 0])
        np.testing.assert_allclose(np.exp(tables.table[rows]).sum(0), 1, rtol=1e-4)


def test_an_mo_code_and_its_absence_are_told_apart() -> None:
    reports: list[dict[str, float]] = [{"mo_0100": 1.0}] * 8 + [{"mo_0100": 0.0}] * 12
    tables = fit_naive_bayes(counts_of(matrix(*reports), [THEFT] * 10 + [BATTERY] * 10))
    city = (8 + 0.5) / (20 + 1)
    likelihoods = [(count + 20 * (count + 100 * city) / 110) / 30 for count in (8, 0)]
    for present in (1, 0):
        theft, battery = (share if present else 1 - share for share in likelihoods)
        answer = np.exp(tables.predict_one(matrix({"mo_0100": present})[0])) - PROBABILITY_FLOOR
        assert answer[CRIME_CODES[THEFT].category] == pytest.approx(theft / (theft + battery), rel=1e-5)


def test_categories_without_a_report_get_the_floor() -> None:
    tables = fit_naive_bayes(counts_of(matrix({}, {}), [THEFT, BATTERY]))
    answer = tables.predict_one(matrix({})[0])
    absent = sorted(set(range(len(NAIVE_BAYES_INPUTS))) - {CRIME_CODES[c].category for c in (THEFT, BATTERY)})
    np.testing.assert_allclose(answer[absent], np.log(PROBABILITY_FLOOR), rtol=1e-6)


def test_a_code_without_a_report_has_the_shares_of_its_category() -> None:
    counts = counts_of(matrix(*[{"area": 1.0}] * 300, *[{"area": 2.0}] * 300), [THEFT] * 300 + [BATTERY] * 300)
    codes = order_codes(np.array([BATTERY, BURGLARY, THEFT]))
    tables = fit_naive_bayes(counts, codes=codes)
    burglary, theft = (codes.tolist().index(code) for code in (BURGLARY, THEFT))
    in_area_1, in_area_2 = tables.log_likelihoods(matrix({"area": 1}, {"area": 2}))
    assert in_area_1[theft] == 0
    assert in_area_1[theft] - 10 < in_area_1[burglary] < in_area_1[theft] - 5  # half a report against 300
    assert in_area_1[burglary] - in_area_2[burglary] > 1  # where thefts are


def test_codes_are_by_category_and_then_ascending() -> None:
    codes = order_codes(np.array([BATTERY, THEFT, BURGLARY, THEFT]))
    category = [CRIME_CODES[code].category for code in codes.tolist()]
    assert category == sorted(category)
    assert set(codes.tolist()) == {BATTERY, THEFT, BURGLARY}
    assert codes.tolist().index(BURGLARY) + 1 == codes.tolist().index(THEFT)


def test_ratios_of_two_codes_add_up_to_what_the_fields_say() -> None:
    rows = [{"area": 1.0, "mo_0100": 1.0}] * 30 + [{"area": 2.0, "mo_0100": 0.0}] * 50
    tables = fit_naive_bayes(counts_of(matrix(*rows), [THEFT] * 30 + [BATTERY] * 50))
    theft, battery = (order_codes(np.array([THEFT, BATTERY])).tolist().index(code) for code in (THEFT, BATTERY))
    report = matrix({"area": 1, "mo_0100": 1})
    ratios = tables.log_ratios(report[0], theft, battery)
    assert set(ratios) == {"AREA", "Mocodes", "Mocodes 0100"}
    assert ratios["AREA"] > 0.5
    assert ratios["Mocodes 0100"] > ratios["AREA"]
    log = tables.log_likelihoods(report)[0]
    assert sum(ratios.values()) + np.log(30 / 50) == pytest.approx(log[theft] - log[battery], rel=1e-5)
    assert tables.log_ratios(report[0], battery, theft) == pytest.approx({k: -ratio for k, ratio in ratios.items()})
