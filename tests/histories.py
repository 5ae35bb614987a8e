"""Synthetic report histories for tests: small, and with known rates, delays and gaps."""

import csv
from pathlib import Path

import numpy as np
from crime.core.days import day_text, weekday
from crime.reports.history import EventHistory

MONDAY = 18_302  # 2020-02-10


def make_history(
    occurred: np.ndarray | list[int],
    delay: np.ndarray | list[int],
    district: np.ndarray | list[int],
    shift: np.ndarray | None = None,
    category: np.ndarray | None = None,
) -> EventHistory:
    """Reports in any order; a district's area is its number divided by 100, and it lies 1 km from the next."""
    day, late, place = (np.asarray(values, np.int32) for values in (occurred, delay, district))
    order = np.argsort(day, kind="stable")
    zeros = np.zeros(len(day), np.int8)
    return EventHistory(
        day,
        day + late,
        (place // 100).astype(np.int16),
        place.astype(np.int16),
        zeros if category is None else category.astype(np.int8),
        zeros if shift is None else shift.astype(np.int8),
        34 + place / 111,
        np.full(len(day), -118.0),
    ).take(order)


def poisson_history(
    days: int = 200, rates: dict[int, float] | None = None, late: float = 0.0, seed: int = 0
) -> EventHistory:
    """`rates` are reports a day by district; the share `late` of them is reported 1 to 20 days later."""
    rng = np.random.default_rng(seed)
    rates = rates or {101: 2.0, 102: 1.0, 201: 0.5, 202: 3.0}
    counts = {district: rng.poisson(rate, days) for district, rate in rates.items()}
    occurred = np.concatenate([np.repeat(MONDAY + np.arange(days), count) for count in counts.values()])
    district = np.repeat(list(counts), [count.sum() for count in counts.values()])
    delay = np.where(rng.random(len(occurred)) < late, rng.integers(1, 21, len(occurred)), 0)
    return make_history(occurred, delay, district, rng.integers(0, 3, len(occurred)), rng.integers(0, 7, len(occurred)))


CRIMES = (("510", "101", "", "0344"), ("330", "108", "", "1300"), ("624", "502", "400", "0416"))  # go together
CRIME_COLUMNS = ("Crm Cd", "Premis Cd", "Weapon Used Cd", "Mocodes")


def write_half_year(path: Path) -> None:
    """A CSV table of about 900 reports in 190 days and four districts: both models are trained on it in seconds.

    Four weekend reports of five are left out: a rhythm that the forecast knows and the baselines do not.
    """
    rng = np.random.default_rng(1)
    history = poisson_history(190, {101: 1.5, 102: 1.2, 201: 1.0, 202: 2.4}, late=0.2)
    history = history.take(np.flatnonzero((weekday(history.occurred) < 5) | (rng.random(len(history)) < 0.2)))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["DR_NO", "Date Rptd", "DATE OCC", "TIME OCC", "AREA", "Rpt Dist No", *CRIME_COLUMNS])
        for row in range(len(history)):
            writer.writerow(
                [
                    200_100_000 + row,
                    day_text(int(history.known[row])),
                    day_text(int(history.occurred[row])),
                    f"{8 * history.shift[row]:02}30",
                    history.area[row],
                    history.district[row],
                    *CRIMES[rng.integers(len(CRIMES))],
                ]
            )
