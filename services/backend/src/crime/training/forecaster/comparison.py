"""The city, its areas and the categories now, beside the time before and a year before."""

from typing import NamedTuple

import numpy as np

from crime.forecaster.week import KINDS, YEAR_WEEKS, period_spans
from crime.training.forecaster.false_discovery import discoveries
from crime.training.forecaster.known_counts import city_and_area_counts, known_share
from crime.training.forecaster.origin_view import KnownHistory
from crime.training.forecaster.rate_ratio import completed, dispersion, rate_ratio

MIN_COVERED = 0.5  # share of a span's days that the table must cover; set by judgement: docs/method.md


class Comparison(NamedTuple):
    """Fields of `WeekArrays` of the same names."""

    days: np.ndarray
    reports: np.ndarray
    corrected: np.ndarray
    ratio: np.ndarray
    marked: np.ndarray


def compare_periods(known: KnownHistory) -> Comparison:
    """Every period that ends on the history's last day, beside the time before and the same a year before."""
    end, spans = known.history.end, period_spans(known.history.last)
    size = 1 + len(known.places["area"])
    days, share = np.zeros((3, 3), np.int32), np.ones((len(KINDS), 3, 3))
    reports = np.zeros((size, len(KINDS), 3, 3), np.int32)
    for period, three in enumerate(spans):
        for column, span in enumerate(three):
            known_part = known_share(known, span, end)
            covered = known_part[:, 0] > 0
            if covered.mean() < MIN_COVERED:
                continue
            days[period, column], share[:, period, column] = covered.sum(), known_part[covered].mean(0)
            reports[:, :, period, column] = city_and_area_counts(known, span, end)[:, covered].sum(1)
    factor = _dispersions(known)[:, :, None, None]
    exposure = days * share
    can_tell = (days[:, :1] > 0) & (days[:, 1:] > 0)
    compared = rate_ratio(
        reports[..., :1],
        reports[..., 1:],
        np.maximum(exposure[..., :1], 1e-9),
        np.maximum(exposure[..., 1:], 1e-9),
        factor,
    )
    ratio = np.where(can_tell, np.stack(compared), np.nan)
    return Comparison(days, reports, np.stack(completed(reports, share, factor)), ratio, discoveries(ratio[3]))


def _dispersions(known: KnownHistory) -> np.ndarray:
    """(P, 8) how many times a Poisson's the variance of the weeks of the last year is: of the city, and of areas."""
    last = known.history.last
    span = (last - 7 * YEAR_WEEKS + 1, last)
    exposure = known_share(known, span, known.history.end).reshape(YEAR_WEEKS, 7, len(KINDS)).sum(1)
    counts = city_and_area_counts(known, span, known.history.end)
    weeks = counts.reshape(len(counts), YEAR_WEEKS, 7, len(KINDS)).sum(2)
    city, area = (
        np.array([dispersion(part[:, :, kind], exposure[:, kind]) for kind in range(len(KINDS))])
        for part in (weeks[:1], weeks[1:])
    )
    return np.concatenate([city[None], np.repeat(area[None], len(weeks) - 1, 0)])
