"""Intervals hold the share of outcomes that they say, for counts small and large."""

import numpy as np
import pytest
from crime.training.forecaster.intervals import MEAN_GRID, Cells, IntervalModel
from scipy import stats

POISSON = IntervalModel(1e-9, 1e-9)


def overdispersed(cells: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Expectations, and reports with variance mean + 0.1 mean²."""
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.normal(1, 1, cells))
    return mean, rng.poisson(mean * rng.gamma(10, 0.1, cells))


def test_the_distribution_is_found_and_its_intervals_hold() -> None:
    mean, reports = overdispersed(20_000)
    model = IntervalModel.fit(Cells.of(mean[:10_000], reports[:10_000]))
    assert model.b == pytest.approx(0.1, abs=0.03)
    assert model.coverage(Cells.of(mean[10_000:], reports[10_000:])) == pytest.approx((0.8, 0.95), abs=0.01)


def test_outcomes_are_counted_without_loss() -> None:
    """Of all sizes: each expectation moves by at most half a percent, or by little of what a Poisson count scatters."""
    rng = np.random.default_rng(0)
    mean = np.exp(rng.uniform(np.log(1e-9), np.log(1e5), 5_000))
    reports = rng.poisson(mean)
    cells = Cells.of(mean, reports)
    assert cells.weight.sum() == 5_000
    assert (cells.weight * cells.reports).sum() == reports.sum()
    single = [Cells.of(mean[[row]], reports[[row]]) for row in range(500)]
    moved = np.array([cell.mean[0] for cell in single]) - mean[:500]
    assert (np.abs(moved) <= np.minimum(0.005 * mean[:500], 0.02 * np.sqrt(mean[:500]))).all()
    merged = Cells.merge([Cells.of(mean[:100], reports[:100]), Cells.of(mean[100:], reports[100:])])
    for left, right in zip(merged, cells, strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_likeliest_distribution_is_found_where_no_scatter_is_beyond_chance() -> None:
    """Rare counts, whose likelihood hardly depends on the parameters: no optimum may be taken for another."""
    rng = np.random.default_rng(1)
    mean = np.repeat([0.2, 0.5], 3_000)
    cells = Cells.of(mean, rng.poisson(mean))
    model = IntervalModel.fit(cells)
    assert model.a + model.b * 0.5 < 0.05


def test_levels_correct_a_distribution_that_is_wrong() -> None:
    """Outcomes of two kinds, most without any scatter, which no negative binomial fits."""
    rng = np.random.default_rng(0)
    mean = np.full(16_000, 20.0)
    reports = np.where(rng.random(16_000) < 0.3, rng.poisson(20 * rng.gamma(2, 0.5, 16_000)), 20)
    model = IntervalModel.fit(Cells.of(mean[:8_000], reports[:8_000]))
    uncorrected = IntervalModel(model.a, model.b)
    misses = [abs(m.coverage(Cells.of(mean[8_000:], reports[8_000:]))[0] - 0.8) for m in (model, uncorrected)]
    assert misses[0] < misses[1] / 2


def test_few_outcomes_hardly_move_the_levels() -> None:
    mean, reports = overdispersed(20)
    assert IntervalModel.fit(Cells.of(mean, reports)).levels == pytest.approx((0.8, 0.95), abs=0.02)


def test_coverage_of_rare_counts_is_what_was_asked() -> None:
    """The non-randomised PIT: no interval of counts of mean 0.05 holds exactly 80 %, and it counts by parts."""
    rng = np.random.default_rng(0)
    mean = np.full(200_000, 0.05)
    levels = np.array([0.5, 0.8, 0.95])
    assert POISSON.coverages(levels, Cells.of(mean, rng.poisson(mean))) == pytest.approx(levels, abs=0.005)


def test_coverage_falls_if_forecasts_are_too_low() -> None:
    rng = np.random.default_rng(0)
    mean = np.full(2_000, 20.0)
    reports = rng.poisson(mean)
    too_low, right = (POISSON.coverage(Cells.of(expected, reports))[0] for expected in (mean / 2, mean))
    assert too_low < 0.3 < right


def test_tables_hold_ordered_whole_numbers_around_the_expectation() -> None:
    low80, high80, low95, high95 = table = IntervalModel(0.1, 0.05).table()
    assert table.shape == (4, len(MEAN_GRID))
    assert (table == table.round()).all()
    assert (low95 <= low80).all()
    assert (low80 <= high80).all()
    assert (high80 <= high95).all()
    assert (np.diff(table, axis=1) >= 0).all()
    assert (low80[MEAN_GRID < 0.05] == 0).all()
    assert ((low80 < MEAN_GRID) & (high80 > MEAN_GRID))[MEAN_GRID > 5].all()


def test_tables_are_quantiles_of_poisson_counts() -> None:
    index = int(np.searchsorted(MEAN_GRID, 100))
    mean = MEAN_GRID[index]
    expected = stats.poisson.ppf([0.1, 0.9, 0.025, 0.975], mean)
    np.testing.assert_allclose(POISSON.table()[:, index], expected, atol=1)


def test_pinball_prefers_the_truth() -> None:
    rng = np.random.default_rng(0)
    mean = np.full(5_000, 30.0)
    reports = rng.poisson(mean)
    truth = POISSON.pinball(Cells.of(mean, reports))
    assert truth < POISSON.pinball(Cells.of(mean * 1.2, reports))
    assert truth < POISSON.pinball(Cells.of(mean / 1.2, reports))
    assert truth < IntervalModel(5.0, 0.5).pinball(Cells.of(mean, reports))


def test_pinball_of_one_quantile_counts_both_sides() -> None:
    """By hand: all five quantiles of a mean of nearly 0 are 0, so one report costs their mean, 0.5."""
    assert POISSON.pinball(Cells.of(np.array([1e-4]), np.array([1]))) == pytest.approx(
        np.mean([0.025, 0.1, 0.5, 0.9, 0.975])
    )


@pytest.mark.parametrize("share", [0.5, 0.05])
def test_intervals_of_a_draw_hold_for_the_whole(share: float) -> None:
    """Fitted to a random draw of the reports, and then compared with all of them."""
    rng = np.random.default_rng(4)
    expected = np.exp(rng.normal(5, 0.5, 20_000))
    whole = rng.poisson(expected * rng.gamma(30, 1 / 30, 20_000))
    drawn = rng.binomial(whole, share)
    model = IntervalModel.fit(Cells.of(share * expected[:10_000], drawn[:10_000]))
    at80, at95 = model.of_whole(share).coverage(Cells.of(expected[10_000:], whole[10_000:]))
    assert at80 == pytest.approx(0.8, abs=0.05)
    assert at95 == pytest.approx(0.95, abs=0.03)


def test_chance_of_an_outcome_is_that_of_its_tails() -> None:
    found = POISSON.two_sided(np.array([20.0, 20.0, 20.0, 0.0]), np.array([20, 35, 8, 0]))
    tails = [1, 2 * stats.poisson.sf(34, 20), 2 * stats.poisson.cdf(8, 20), 1]
    np.testing.assert_allclose(found, tails, rtol=1e-3)
