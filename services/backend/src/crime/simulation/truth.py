"""The true probabilities and expected counts of a simulated city, which no model can beat."""

from pathlib import Path

import numpy as np

from crime.reports.history import EventHistory
from crime.reports.places import Places
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.systems import SYSTEMS
from crime.reports.table import Reports
from crime.simulation.city import SimulatedCity
from crime.simulation.details import MAX_DELAY_DAYS, MISCODED, code_numbers
from crime.simulation.intensity import next_near
from crime.simulation.nibrs_truth import nibrs_posterior
from crime.simulation.settings import read_settings
from crime.simulation.smoothing import CATEGORY_COUNT

ROWS_PER_BLOCK = 20_000  # reports at a time, which bounds memory


def simulated_city(table: Path) -> SimulatedCity | None:
    """The city that a table was simulated from; None for any other table. Raises `DataError`."""
    settings = read_settings(table)
    return SimulatedCity(settings) if settings else None


def bayes_log_losses(table: Path, reports: Reports) -> dict[str, float]:
    """Log loss of the true probabilities at each detail level, which no model can beat; empty for real tables."""
    city = simulated_city(table)
    if city is None:
        return {}
    rows = np.arange(len(reports))
    blocks = list(map(reports.take, np.array_split(rows, 1 + len(rows) // ROWS_PER_BLOCK)))
    losses: dict[str, float] = {}
    for level in DETAIL_LEVELS:
        shares = np.concatenate([posterior(city, block.fields, level) for block in blocks])
        losses[level] = float(-np.log(shares[rows, reports.label]).mean())
    return losses


def posterior(city: SimulatedCity, fields: dict[str, np.ndarray], level: DetailLevel = "report") -> np.ndarray:
    """(rows, 7) probability of each recorded category, given what is known at a detail level (Bayes' rule).

    Fields (rows,) are those of `Reports`, all of them known but for those that a report's system lacks.
    """
    is_nibrs = fields["system"] == SYSTEMS.index("nibrs")
    probabilities = np.empty((len(is_nibrs), CATEGORY_COUNT))
    for system, rows in (("legacy", np.flatnonzero(~is_nibrs)), ("nibrs", np.flatnonzero(is_nibrs))):
        known = {name: values[rows] for name, values in fields.items()}
        if not len(rows):
            continue
        if system == "nibrs":
            probabilities[rows] = nibrs_posterior(city.nibrs, city.intensity, known, level)
        else:
            probabilities[rows] = _legacy_posterior(city, known, level)
    return probabilities


def _legacy_posterior(city: SimulatedCity, fields: dict[str, np.ndarray], level: DetailLevel) -> np.ndarray:
    """`posterior` of reports by the old codes."""
    details, known = city.details, list(DETAIL_LEVELS).index(level)
    days, area = fields["date_occ"].astype(int), fields["area"].astype(int)
    category = city.intensity.category_shares_of(days, area)
    category = category * details.hour[:, (fields["time_occ"] // 60).astype(int)].T
    delay = np.minimum(fields["date_rptd"] - days, MAX_DELAY_DAYS)
    index = np.searchsorted(details.delay, np.nan_to_num(delay).astype(int))
    category = np.where(np.isnan(delay)[:, None], category, category * details.delay_share[:, index].T)
    log = np.log(category @ details.code_share + 1e-300)  # (rows, crime codes)
    if known >= 1:
        premise = np.searchsorted(details.premise, code_numbers(fields["premis_cd"]).astype(int))
        before, after = np.log(details.premise_share), np.log(details.drifted_premise_share)
        log += np.where(city.intensity.drifted(days)[:, None], after[:, premise].T, before[:, premise].T)
    if known >= 2:
        weapon = np.searchsorted(details.weapon, code_numbers(fields["weapon_used_cd"]).astype(int))
        log += np.log(details.weapon_share)[:, weapon].T
    if known >= 3:
        log_odds = (np.log(details.mo_share) - np.log1p(-details.mo_share)).T  # (MO codes, crime codes)
        log += np.log1p(-details.mo_share).sum(1)
        column = {name: index for index, name in enumerate(details.mo)}
        for row, names in enumerate(fields["mocodes"]):
            for name in names:
                log[row] += log_odds[column[name]]
    share = np.exp(log - log.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    in_category = np.zeros((len(details.code), CATEGORY_COUNT))  # 1 for the category of each crime code
    in_category[np.arange(len(details.code)), details.category] = 1
    probabilities: np.ndarray = (1 - MISCODED) * share @ in_category + MISCODED * details.any_code @ in_category
    return probabilities


def expected_counts(
    city: SimulatedCity, history: EventHistory, places: Places, origin: int, horizon: int
) -> np.ndarray:
    """(places, horizon) expected reports of the days after `origin`, given all reports until then.

    Near repeats of reports still to come are counted by their expectation.
    """
    intensity = city.intensity
    near = intensity.first_near()
    past = (history.occurred <= origin) & np.isin(history.district, intensity.district)
    index = np.searchsorted(intensity.district, history.district[past])
    counts = np.zeros((origin - intensity.first_day + 1, len(intensity.district)))
    np.add.at(counts, (history.occurred[past] - intensity.first_day, index), 1)
    for reports in counts:
        near = next_near(near, reports)
    mean = np.zeros((len(intensity.district), horizon))
    for step, background in enumerate(intensity.background(np.arange(origin + 1, origin + horizon + 1)).T):
        mean[:, step] = background + near
        near = next_near(near, mean[:, step])
    city_id = np.zeros(len(intensity.district), int)
    ids = {"city": city_id, "area": intensity.area, "district": intensity.district}[places.kind]
    known = np.isin(ids, places.ids)
    expected = np.zeros((len(places), horizon))
    np.add.at(expected, np.searchsorted(places.ids, ids[known]), mean[known])
    return expected
