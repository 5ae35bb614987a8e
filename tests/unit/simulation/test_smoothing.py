"""Shares are shrunk as a hand computes them."""

import numpy as np
from crime.simulation.smoothing import shares_by_group, shrink


def test_shares_are_shrunk_to_the_prior() -> None:
    np.testing.assert_allclose(
        shrink(np.array([[3, 1], [0, 0]]), np.array([0.5, 0.5]), 4), [[5 / 8, 3 / 8], [0.5, 0.5]]
    )


def test_groups_are_shrunk_to_all_reports() -> None:
    values, shares = shares_by_group(np.array([9, 9, 4, 4]), np.array([0, 0, 0, 1]), 2, 2)
    assert values.tolist() == [4, 9]
    np.testing.assert_allclose(shares, [[(1 + 1) / 5, (2 + 1) / 5], [(1 + 1) / 3, 1 / 3]])


def test_groups_are_shrunk_to_their_category() -> None:
    group, category = np.array([0, 1, 1, 2]), np.array([3, 3, 5])
    _, shares = shares_by_group(np.array([4, 9, 9, 4]), group, 3, 2, category)
    third = (np.array([1, 2]) + 50 * 0.5) / (3 + 50)
    np.testing.assert_allclose(shares[0], (np.array([1, 0]) + 2 * third) / 3)
