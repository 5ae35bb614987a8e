"""Of many comparisons, those that are more than chance."""

import numpy as np
from crime.training.forecaster.false_discovery import discoveries

PAPER = [
    0.0001,
    0.0004,
    0.0019,
    0.0095,
    0.0201,
    0.0278,
    0.0298,
    0.0344,
    0.0459,
    0.324,
    0.4262,
    0.5719,
    0.6528,
    0.759,
    1,
]


def test_the_papers_own_example() -> None:
    """Benjamini and Hochberg 1995, section 3.2: four of 15 hypotheses."""
    shuffled = np.random.default_rng(0).permutation(PAPER)
    np.testing.assert_array_equal(discoveries(shuffled), shuffled <= 0.0095)


def test_what_was_not_compared_does_not_count() -> None:
    found = discoveries(np.array([[0.02, np.nan], [np.nan, np.nan]]))
    np.testing.assert_array_equal(found, [[True, False], [False, False]])
    assert not discoveries(np.full(3, np.nan)).any()


def test_nothing_is_marked_in_19_of_20_tables_of_chance() -> None:
    p = np.random.default_rng(1).random((4_000, 50))
    marked = np.array([discoveries(row).any() for row in p])
    assert 0.04 < marked.mean() < 0.06
