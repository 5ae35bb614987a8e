"""Parts add up to their whole."""

import numpy as np
from crime.training.forecaster.reconciliation import city_total, scale_to_areas


def test_districts_add_up_to_their_areas_and_keep_their_proportions() -> None:
    rng = np.random.default_rng(0)
    area_of_district = np.array([0, 0, 1, 1, 1])
    district, area = rng.gamma(2, 1, (5, 28)), rng.gamma(5, 2, (2, 28))
    scaled = scale_to_areas(district, area, area_of_district)
    np.testing.assert_allclose(np.add.reduceat(scaled, [0, 2]), area)
    np.testing.assert_allclose(scaled[2] / scaled[3], district[2] / district[3])


def test_an_area_whose_districts_expect_nothing_has_no_forecast_by_district() -> None:
    assert (scale_to_areas(np.zeros((2, 3)), np.ones((1, 3)), np.zeros(2, int)) == 0).all()


def test_the_city_is_the_sum_of_its_areas() -> None:
    assert city_total(np.array([[1.0, 2], [3, 4]])).tolist() == [[4, 6]]
