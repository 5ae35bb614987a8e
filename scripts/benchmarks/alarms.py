"""How often "unusual now" raises an alarm in simulated cities without a change, and how often it sees a rise.

Each week of a city is judged with what was known on its last day, by forecasts made before, as `crime forecast` does.
A rise is put into the reports of one area and category after the forecast was made, as further Poisson reports.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from crime.core.days import day_number, day_text
from crime.forecaster.arrays import HORIZON_DAYS
from crime.forecaster.week import KINDS
from crime.reports.history import read_history
from crime.reports.tally import Tally
from crime.simulation.city import SimulatedCity
from crime.simulation.settings import CitySettings
from crime.simulation.tables import write_city
from crime.training.forecaster.cross_validation import N_WINDOWS
from crime.training.forecaster.false_discovery import discoveries
from crime.training.forecaster.forecaster import Forecaster
from crime.training.forecaster.unusual import (
    AHEAD_DAYS,
    FALSE_DISCOVERY_RATE,
    Family,
    Models,
    Replay,
    chance,
    fit_models,
    over_windows,
    replay,
)

FIRST, ROWS, LAST_DAY = "2020-01-01", 420_000, "2021-10-24"
WEEKS = 48  # of a city that are judged
MIN_EARLIER = 6  # forecasts, four weeks apart, that the first week's range is learnt from; the last one's from 12
RISE = 0.5  # further reports, as a share of those expected
CATEGORIES = KINDS[1:]
AREA_FAMILIES: tuple[Family, ...] = ("all", "category")
DISTRICT_FAMILIES: tuple[Family, ...] = ("district",)


def city_replays(seed: int, districts: bool) -> dict[int, Replay]:
    """Replays of a city by the day at whose end the forecast was made, a week apart."""
    with TemporaryDirectory() as folder:
        table = Path(folder) / "city.parquet"
        write_city(SimulatedCity(CitySettings(seed, ROWS, first=FIRST, until=LAST_DAY)), table, lambda done: None)
        history = read_history(table, Tally())
    history = history.known_by(day_number(LAST_DAY))
    forecaster = Forecaster(history, ["area", "district"] if districts else ["area"])
    count = WEEKS + 4 * MIN_EARLIER
    latest = history.last - AHEAD_DAYS
    origins = [latest - 7 * week for week in range(count)][::-1]
    print(f"city {seed}: {len(history):,} reports until {day_text(history.last)}", file=sys.stderr, flush=True)
    return {origin: replay(forecaster, origin, origin + AHEAD_DAYS) for origin in origins}


def models_of(replays: dict[int, Replay], origin: int) -> Models:
    """Fitted as `crime forecast` does: to the forecasts four weeks apart that had ended when this one was made."""
    earlier = [origin - HORIZON_DAYS * step for step in range(1, N_WINDOWS + 1)]
    return fit_models([replays[day] for day in earlier if day in replays])


def quiet_alarms(replays: dict[int, Replay], origins: list[int], models: dict[int, Models]) -> Counter[str]:
    """Weeks in which anything is an alarm though nothing has changed, among the areas, the districts, and either."""
    count: Counter[str] = Counter(weeks=len(origins))
    for origin in origins:
        found = [
            bool(discoveries(p_of(replays[origin], models[origin], group), FALSE_DISCOVERY_RATE).any())
            for group in (AREA_FAMILIES, DISTRICT_FAMILIES)
        ]
        count.update(areas=found[0], districts=found[1], any=any(found))
    return count


def p_of(now: Replay, models: Models, families: Sequence[Family]) -> np.ndarray:
    """p of each comparison of these families, in their order."""
    present = [family for family in families if family in now.expected]
    return np.concatenate([over_windows(chance(now, models, family)) for family in present] or [np.empty(0)])


def sees_rise(now: Replay, models: Models, days: int, rng: np.random.Generator) -> np.ndarray:
    """bool for each category of the city and each area: an alarm, if it alone has had more reports for 7 or 14 days."""
    expected = now.expected["category"]
    week = rng.poisson(RISE * expected[0])
    both = week + (rng.poisson(RISE * (expected[1] - expected[0])) if days == AHEAD_DAYS else 0)
    raised = Replay(now.expected, {"category": now.reports["category"] + np.stack([week, both])})
    p = over_windows(chance(raised, models, "category"))
    without = p_of(now, models, AREA_FAMILIES)
    first = len(without) - len(p)
    alarms = np.zeros(len(p), bool)
    for cell in range(len(p)):
        changed = without.copy()
        changed[first + cell] = p[cell]
        alarms[cell] = discoveries(changed, FALSE_DISCOVERY_RATE)[first + cell]
    return alarms


def rises_seen(replays: dict[int, Replay], origins: list[int], models: dict[int, Models], seed: int) -> Counter[str]:
    """How many rises of one area and category were tried, seen after a week, and after one or two weeks."""
    rng = np.random.default_rng(seed)
    count: Counter[str] = Counter()
    for first, second in pairwise(origins):
        one = sees_rise(replays[first], models[first], 7, rng)
        two = one | sees_rise(replays[second], models[second], AHEAD_DAYS, rng)
        expected = replays[second].expected["category"][0]
        for cell in range(len(CATEGORIES), len(one)):  # after the city's own
            few, some = expected[cell] <= 10, expected[cell] <= 40
            size = "up to 10 a week" if few else "11 to 40 a week" if some else "more than 40 a week"
            for group in (size, str(CATEGORIES[cell % len(CATEGORIES)]), "all"):
                count.update(
                    {f"{group}: tried": 1, f"{group}: one week": int(one[cell]), f"{group}: two weeks": int(two[cell])}
                )
    return count


def main() -> None:
    """Arguments: how many cities, the first seed, and `districts` to judge them too."""
    cities, first = int(sys.argv[1]), int(sys.argv[2])
    quiet, seen = Counter[str](), Counter[str]()
    for seed in range(first, first + cities):
        replays = city_replays(seed, "districts" in sys.argv[3:])
        origins = sorted(replays)[-WEEKS:]
        models = {origin: models_of(replays, origin) for origin in origins}
        quiet.update(quiet_alarms(replays, origins, models))
        seen.update(rises_seen(replays, origins, models, seed))
        result = {"first_seed": first, "cities": seed - first + 1, "quiet": quiet, "seen": seen}
        Path("benchmark-alarms.json").write_text(json.dumps(result, indent=1) + "\n")
        print(f"weeks with an alarm, nothing changed: {dict(quiet)}", flush=True)
        for group in [name.removesuffix(": tried") for name in seen if name.endswith(": tried")]:
            tried, one, two = (seen[f"{group}: {part}"] for part in ("tried", "one week", "two weeks"))
            print(f"{group}: seen in a week {one / tried:.0%}, in two {two / tried:.0%} of {tried}", flush=True)


if __name__ == "__main__":
    main()
