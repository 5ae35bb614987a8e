"""Tables of log-likelihoods are applied as Bayes' rule says, alike to one report and to many."""

from pathlib import Path

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.naive_bayes import BINNED_FEATURES, NAIVE_BAYES_INPUTS, PROBABILITY_FLOOR, VALUE_LIMIT, NaiveBayes
from crime.reports.table import Reports

NAMES = [*BINNED_FEATURES, "mo_0100", "mo_0200"]
FIRST, SECOND, THIRD = 0, 1, 2  # crime codes, of the categories 2, 5 and 5
TABLE = np.log(
    [
        [1.0, 1.0, 1.0],
        [0.5, 0.3, 0.2],  # prior
        [0.9, 0.8, 0.7],  # no MO code is given
        [0.6, 0.1, 0.1],  # area 1
        [0.2, 0.7, 0.3],  # area 2
        [0.5, 2.0, 1.0],  # MO code 0100, against none
        [3.0, 0.5, 1.0],  # MO code 0200, against none
    ]
)


@pytest.fixture
def tables() -> NaiveBayes:
    lookup = np.zeros((len(BINNED_FEATURES), VALUE_LIMIT + 1), int)
    lookup[0, 1:3] = 3, 4
    return NaiveBayes(NAMES, TABLE, lookup, np.array([2, 5, 5]))


def report(**features: float) -> np.ndarray:
    return np.array([features.get(name, np.nan) for name in NAMES], np.float32)


def expected(*factors: list[float]) -> np.ndarray:
    """Log-probabilities of the categories, when these factors multiply for the three codes."""
    product = np.prod(np.array(factors), axis=0)
    shares = np.zeros(len(NAIVE_BAYES_INPUTS))
    shares[2], shares[5] = product[FIRST], product[SECOND] + product[THIRD]
    return np.asarray(np.log(shares / shares.sum() + PROBABILITY_FLOOR))


def test_what_is_not_known_leaves_the_prior(tables: NaiveBayes) -> None:
    np.testing.assert_allclose(tables.predict_one(report()), expected([0.5, 0.3, 0.2]), rtol=1e-5)


def test_likelihoods_multiply(tables: NaiveBayes) -> None:
    answer = tables.predict_one(report(area=2, mo_0100=0, mo_0200=1))
    wanted = expected([0.5, 0.3, 0.2], [0.2, 0.7, 0.3], [0.9, 0.8, 0.7], [3.0, 0.5, 1.0])
    np.testing.assert_allclose(answer, wanted, rtol=1e-5)


@pytest.mark.parametrize("area", [-1, 0, 3, VALUE_LIMIT, 99_999])
def test_a_value_that_training_never_saw_is_as_good_as_unknown(tables: NaiveBayes, area: float) -> None:
    np.testing.assert_array_equal(tables.predict_one(report(area=area)), tables.predict_one(report()))


def test_one_report_alone_gets_the_same_bits_as_among_many(
    small_bundle: CategoryBundle, small_reports: Reports
) -> None:
    tables = small_bundle.naive_bayes
    matrix = np.concatenate([small_bundle.encoder.matrix(small_reports.fields, len(small_reports))] * 2)  # two blocks
    matrix[::3, tables.names.index("premise")] = np.nan
    matrix[1::5, tables.names.index("mo_count") + 1 :] = np.nan
    alone = np.array([tables.predict_one(vector) for vector in matrix])
    np.testing.assert_array_equal(tables.predict(matrix), alone)
    np.testing.assert_allclose(np.exp(alone).sum(1), 1, atol=8 * PROBABILITY_FLOOR)


def test_no_reports_get_no_answers(tables: NaiveBayes) -> None:
    assert tables.predict(np.empty((0, len(NAMES)), np.float32)).shape == (0, 7)


def test_tables_without_mo_codes_work(tables: NaiveBayes) -> None:
    plain = NaiveBayes(list(BINNED_FEATURES), TABLE[:5], tables.lookup, tables.category)
    vector = report(area=1)[:-2]
    np.testing.assert_allclose(plain.predict_one(vector), expected([0.5, 0.3, 0.2], [0.6, 0.1, 0.1]), rtol=1e-5)
    np.testing.assert_array_equal(plain.predict(vector[None])[0], plain.predict_one(vector))


def test_tables_are_read_as_they_were_written(small_bundle: CategoryBundle, tmp_path: Path) -> None:
    tables = small_bundle.naive_bayes
    tables.save(tmp_path / "tables.npz")
    read = NaiveBayes.load((tmp_path / "tables.npz").read_bytes(), tables.names)
    np.testing.assert_array_equal(read.table, tables.table)
    np.testing.assert_array_equal(read.lookup, tables.lookup)
    np.testing.assert_array_equal(read.category, tables.category)


def test_contributions_point_to_the_category_that_the_column_speaks_for(tables: NaiveBayes) -> None:
    parts = tables.contributions(report(area=1, mo_0100=0, mo_0200=1))
    assert list(parts) == ["AREA", "Mocodes", "Mocodes 0200"]
    assert parts["AREA"][2] > 0 > parts["AREA"][5]
    assert parts["Mocodes 0200"][2] > 0 > parts["Mocodes 0200"][5]


def test_a_contribution_is_the_slope_of_the_log_probability(tables: NaiveBayes) -> None:
    vector, step = report(area=2), 1e-6
    scaled = NaiveBayes(NAMES, TABLE, tables.lookup, tables.category)
    scaled.table = TABLE.copy()
    scaled.table[4] *= 1 + step

    def log_probabilities(model: NaiveBayes) -> np.ndarray:
        log = model.table[1] + model.table[4]
        shares = np.exp(log - log.max())
        return np.asarray(np.log(np.array([shares[FIRST], shares[SECOND] + shares[THIRD]]) / shares.sum()))

    slope = (log_probabilities(scaled) - log_probabilities(tables)) / step
    np.testing.assert_allclose(tables.contributions(vector)["AREA"][[2, 5]], slope, atol=1e-4)
