"""A simulated city in LAPD's schema whose truth is known: for trials, tests and teaching, never for decisions.

Levels by area and year are LAPD's own (`tables/area_year.csv`); shares of districts, weekdays, hours, delays,
premises, weapons and MO codes are estimated from the embedded sample, a city drawn anew for each seed. Reports of a
day in a district are Poisson with an intensity of background and near repeats: each report raises its district's
intensity for days after (a self-exciting process; Mohler et al., JASA 2011). Every row says `SIMULATED` as its
location, and a file beside the table says how to make it again.
"""

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from crime.core.days import day_number
from crime.core.errors import DataError
from crime.core.files import atomic_write
from crime.features.calendar import federal_holidays
from crime.reports.categories import category_of_crime_code
from crime.reports.codes import code_names
from crime.reports.files import SIMULATED_LOCATION, load_reports
from crime.reports.history import EventHistory
from crime.reports.places import Places
from crime.reports.schema import COLUMNS, DETAIL_LEVELS
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.sample import sample_table

START = day_number("2020-01-01")
LAST_LEVEL = 2022  # the last year that is whole in LAPD's table
NEAR_REPEATS = 0.25  # reports that each report brings about, in its own district
NEAR_DAYS = 7.0  # the mean time until they do
HOLIDAY, NEW_YEAR, FIRST_OF_MONTH = 0.9, 1.4, 1.15  # factors of a day's reports
MISCODED = 0.04  # of crime codes, written at random: no model can know these
MAX_DELAY_DAYS = 365
MIN_MO_REPORTS = 3  # reports of the sample that gave a code
BLOCK_DAYS = 28
DRIFT_MIX, DRIFT_PREMISE = 0.5, 0.5  # sd of the log change of a category's share; share of premises that change


def settings_file(path: Path) -> Path:
    """The file beside a twin's table that says how it was made."""
    return path.with_name(path.name + ".twin.json")


@dataclass(frozen=True)
class CitySettings:
    """`drift`: the day from which category shares and premises are others, 2021-06-01; None for never."""

    seed: int
    rows: int
    drift: str | None = None


def city_of(path: Path) -> "SimulatedCity | None":
    """The city that made a table, if one did and the file beside it says so."""
    try:
        return SimulatedCity(CitySettings(**json.loads(settings_file(path).read_text())))
    except FileNotFoundError:
        return None
    except (TypeError, ValueError) as error:
        raise DataError(f"{settings_file(path).name} can't be read: {error}") from None


def bayes_log_losses(path: Path, reports: Reports) -> dict[str, float]:
    """Log loss at each level of detail that no model can go below on a twin's table; empty for any other table."""
    city = city_of(path)
    if city is None:
        return {}
    rows = np.arange(len(reports))
    found = {}
    for level in DETAIL_LEVELS:
        shares = np.concatenate(
            [
                city.posterior(part.fields, len(part), level)
                for part in map(reports.take, np.array_split(rows, 1 + len(rows) // 20_000))
            ]
        )
        found[level] = float(-np.log(shares[rows, reports.label]).mean())
    return found


def _smoothed(counts: np.ndarray, towards: np.ndarray, strength: float) -> np.ndarray:
    """Shares along the last axis, shrunk `towards` given ones as by `strength` reports."""
    return (counts + strength * towards) / (counts.sum(-1, keepdims=True) + strength)


class SimulatedCity:
    """A city. Same settings, same city and same reports."""

    def __init__(self, settings: CitySettings):
        self.settings = settings
        self.drift = day_number(settings.drift) if settings.drift else None
        rng = np.random.default_rng([settings.seed, 0])
        with sample_table() as path:
            reports = load_reports(path, Tally())
        with sample_table() as path, gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            rows = {row["DR_NO"]: row for row in csv.DictReader(lines)}
        self._places(reports, rng)
        self._details(reports, [int(rows[number]["Crm Cd"]) for number in reports.fields["dr_no"]], rng)

    # -- where and when ----------------------------------------------------------------------------------------

    def _places(self, reports: Reports, rng: np.random.Generator) -> None:
        area, district = reports.fields["area"].astype(int), reports.fields["rpt_dist_no"]
        good = ~np.isnan(district) & ~np.isnan(reports.fields["lat"]) & ~np.isnan(reports.fields["lon"])
        good &= district // 100 == area
        self.district, index, count = np.unique(district[good].astype(int), return_inverse=True, return_counts=True)
        self.area_of = self.district // 100
        degrees = np.column_stack([reports.fields["lat"], reports.fields["lon"]])[good]
        self.centre = np.array([np.median(degrees[index == at], axis=0) for at in range(len(self.district))])
        drawn = rng.gamma(count + 1.0)
        self.share = drawn / np.bincount(self.area_of, drawn)[self.area_of]
        self.level: dict[int, list[int]] = {}
        with (files("crime.simulation") / "area_year.csv").open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                if int(row["Year"]) <= LAST_LEVEL:
                    self.level.setdefault(int(row["AREA"]), []).append(int(row["Reports"]))
        label, days = reports.label, reports.fields["date_occ"].astype(int)
        overall = np.bincount(label, minlength=7) / len(label)
        by_area = np.zeros((22, 7))
        np.add.at(by_area, (area, label), 1)
        self.mix = _smoothed(by_area, overall, 100)
        by_weekday = np.zeros((7, 7))
        np.add.at(by_weekday, (label, (days + 3) % 7), 1)
        self.weekday = 7 * _smoothed(by_weekday, np.full(7, 1 / 7), 100)
        self.drifted = np.exp(rng.normal(0, DRIFT_MIX, 7))

    def mix_on(self, days: np.ndarray) -> np.ndarray:
        """(days, 22, 7) share of each category in each area's background; their sum is the weekday's factor."""
        shares = np.broadcast_to(self.mix, (len(days), 22, 7))
        if self.drift is not None:
            changed = self.mix * self.drifted
            changed = changed / changed.sum(-1, keepdims=True)
            shares = np.where((days >= self.drift)[:, None, None], changed, shares)
        return shares * self.weekday.T[(days + 3) % 7][:, None, :]

    def background(self, days: np.ndarray) -> np.ndarray:
        """(districts, days) intensity, reports a day, before near repeats; `days` follow one another."""
        date = days.astype("datetime64[D]")
        year = date.astype("datetime64[Y]")
        of_year = (year.astype(int) + 1970) + (date - year.astype("datetime64[D]")).astype(int) / 365.25
        levels = np.array(
            [np.interp(of_year, 2010.5 + np.arange(len(years)), years) for _, years in sorted(self.level.items())]
        )
        first = date == date.astype("datetime64[M]")
        new_year = date == year.astype("datetime64[D]")
        factor = np.where(federal_holidays(int(days[0]), int(days[-1])), HOLIDAY, 1.0) * np.where(
            first, FIRST_OF_MONTH, 1.0
        )
        factor[new_year] = NEW_YEAR
        by_area = levels / 365.25 * factor * self.mix_on(days).sum(2).T[1:]
        return (1 - NEAR_REPEATS) * self.share[:, None] * by_area[self.area_of - 1]

    def _fade(self, near: np.ndarray, reports: np.ndarray) -> np.ndarray:
        """Near repeats' intensity on the next day, from today's and today's reports (districts,)."""
        stays = np.exp(-1 / NEAR_DAYS)
        return stays * near + NEAR_REPEATS * (1 - stays) * reports

    def days(self) -> Iterator[tuple[int, np.ndarray]]:
        """Each day and its reports by district (districts,), without end."""
        rng = np.random.default_rng([self.settings.seed, 1])
        near = NEAR_REPEATS * self.background(np.arange(START, START + 1))[:, 0] / (1 - NEAR_REPEATS)
        first = START
        while True:
            block = np.arange(first, first + BLOCK_DAYS)
            for day, background in zip(block, self.background(block).T, strict=True):
                reports = rng.poisson(background + near)
                near = self._fade(near, reports)
                yield int(day), reports
            first += BLOCK_DAYS

    def truth(self, history: EventHistory, where: Places, origin: int, horizon: int) -> np.ndarray:
        """(P, horizon) expected reports on the days after `origin`, given all that happened until then.

        No forecast can be better. Near repeats of reports still to come are in it by their expectation.
        """
        near = NEAR_REPEATS * self.background(np.arange(START, START + 1))[:, 0] / (1 - NEAR_REPEATS)
        past = (history.occurred <= origin) & np.isin(history.district, self.district)
        at = np.searchsorted(self.district, history.district[past])
        counts = np.zeros((origin - START + 1, len(self.district)))
        np.add.at(counts, (history.occurred[past] - START, at), 1)
        for reports in counts:
            near = self._fade(near, reports)
        ahead = np.arange(origin + 1, origin + horizon + 1)
        mean = np.zeros((len(self.district), horizon))
        for step, background in enumerate(self.background(ahead).T):
            mean[:, step] = background + near
            near = self._fade(near, mean[:, step])
        found = np.zeros((len(where), horizon))
        ids = {"city": np.zeros(len(self.district), int), "area": self.area_of, "district": self.district}[where.kind]
        known = np.isin(ids, where.ids)
        np.add.at(found, np.searchsorted(where.ids, ids[known]), mean[known])
        return found

    # -- what ----------------------------------------------------------------------------------------------------

    def _details(self, reports: Reports, codes: list[int], rng: np.random.Generator) -> None:
        label = reports.label
        self.code, of_code = np.unique(codes, return_inverse=True)
        self.category_of = np.array([category_of_crime_code()[int(code)] for code in self.code])
        n_codes = len(self.code)
        seen = np.bincount(of_code, minlength=n_codes).astype(float)
        self.code_share = np.where(self.category_of == np.arange(7)[:, None], seen, 0)  # (7, codes)
        self.code_share /= self.code_share.sum(1, keepdims=True)
        self.any_code = seen / seen.sum()

        def shares(
            values: np.ndarray, group: np.ndarray, groups: int, strength: float, parent: np.ndarray | None = None
        ):
            found, index = np.unique(values, return_inverse=True)
            counts = np.zeros((groups, len(found)))
            np.add.at(counts, (group, index), 1)
            everywhere = counts.sum(0) / counts.sum()
            towards = everywhere if parent is None else _smoothed(_by_category(counts, parent), everywhere, 50)[parent]
            return found, _smoothed(counts, towards, strength)

        def _by_category(counts: np.ndarray, parent: np.ndarray) -> np.ndarray:
            summed = np.zeros((7, counts.shape[1]))
            np.add.at(summed, parent, counts)
            return summed

        hour = (reports.fields["time_occ"] // 60).astype(int)
        _, self.hour = shares(np.concatenate([hour, np.arange(24)]), np.concatenate([label, np.zeros(24, int)]), 7, 50)
        self.minute, minutes = np.unique((reports.fields["time_occ"] % 60).astype(int), return_counts=True)
        self.minute_share = minutes / minutes.sum()
        delay = reports.fields["date_rptd"] - reports.fields["date_occ"]
        delay = np.minimum(np.nan_to_num(delay), MAX_DELAY_DAYS).astype(int)
        self.delay, self.delay_share = shares(delay, label, 7, 50)
        self.premise, self.premise_share = shares(
            reports.fields["premis_cd"][~np.isnan(reports.fields["premis_cd"])].astype(int),
            of_code[~np.isnan(reports.fields["premis_cd"])], n_codes, 5, self.category_of,
        )  # fmt: skip
        order = rng.permutation(len(self.premise))
        self.premise_drifted = (1 - DRIFT_PREMISE) * self.premise_share + DRIFT_PREMISE * self.premise_share[:, order]
        self.weapon, self.weapon_share = shares(
            reports.fields["weapon_used_cd"][~np.isnan(reports.fields["weapon_used_cd"])].astype(int),
            of_code[~np.isnan(reports.fields["weapon_used_cd"])], n_codes, 5, self.category_of,
        )  # fmt: skip
        given = [code for mo in reports.fields["mocodes"] for code in mo]
        names, counts = np.unique(given, return_counts=True)
        self.mo = names[counts >= MIN_MO_REPORTS]
        place = {code: at for at, code in enumerate(self.mo)}
        by_code = np.zeros((n_codes, len(self.mo)))
        for code, mo in zip(of_code, reports.fields["mocodes"], strict=True):
            by_code[code, [place[m] for m in mo if m in place]] += 1
        by_category = _by_category(by_code, self.category_of) + 0.5 * by_code.sum(0) / len(label)
        in_category = by_category / (np.bincount(label, minlength=7)[:, None] + 0.5)
        self.mo_share = np.clip((by_code + 5 * in_category[self.category_of]) / (seen[:, None] + 5), 1e-6, 1 - 1e-6)
        self.victims = [
            reports.fields[name][~np.isnan(reports.fields[name])] for name in ("vict_age", "vict_sex", "vict_descent")
        ]

    def _premises(self, days: np.ndarray) -> np.ndarray:
        """Which premises apply on each of the days (n,): 0 those before the drift, 1 those after."""
        return (days >= self.drift).astype(int) if self.drift is not None else np.zeros(len(days), int)

    def block(self, days: np.ndarray, district: np.ndarray, rng: np.random.Generator, number: int) -> dict[str, Any]:
        """Columns by LAPD's names of a report for each of `days` and indices `district` (n,)."""
        n = len(days)

        def draw(shares: np.ndarray) -> np.ndarray:  # (n, k) -> (n,)
            return (rng.random((n, 1)) * shares.sum(1, keepdims=True) > np.cumsum(shares, 1)).sum(1)

        area = self.area_of[district]
        span = np.arange(days.min(), days.max() + 1)
        category = draw(self.mix_on(span)[days - span[0], area])
        code = np.zeros(n, int)
        premise = np.zeros(n, int)
        weapon = np.zeros(n, int)
        mo = np.zeros((n, len(self.mo)), bool)
        for at in range(7):
            rows = np.flatnonzero(category == at)
            code[rows] = rng.choice(len(self.code), len(rows), p=self.code_share[at])
        drifted = self._premises(days)
        for at in np.unique(code):
            for later, shares in enumerate((self.premise_share, self.premise_drifted)):
                rows = np.flatnonzero((code == at) & (drifted == later))
                premise[rows] = rng.choice(len(self.premise), len(rows), p=shares[at] / shares[at].sum())
            rows = np.flatnonzero(code == at)
            weapon[rows] = rng.choice(len(self.weapon), len(rows), p=self.weapon_share[at])
            mo[rows] = rng.random((len(rows), len(self.mo))) < self.mo_share[at]
        hour, delay = draw(self.hour[category]), self.delay[draw(self.delay_share[category])]
        minute = rng.choice(self.minute, n, p=self.minute_share)
        written = np.where(rng.random(n) < MISCODED, rng.choice(len(self.code), n, p=self.any_code), code)
        degrees = (self.centre[district] + rng.normal(0, 0.0005, (n, 2))).round(4)
        age, sex, descent = (rng.choice(values, n) for values in self.victims)
        given: list[list[str]] = [[] for _ in range(n)]
        for row, at in zip(*np.nonzero(mo), strict=True):
            given[row].append(self.mo[at])
        names = {kind: code_names(kind) for kind in ("area", "premis", "weapon", "crime")}

        def dates(values: np.ndarray) -> list[str]:
            unique, index = np.unique(values, return_inverse=True)
            text = [f"{d.month:02}/{d.day:02}/{d.year} 12:00:00 AM" for d in unique.astype("datetime64[D]").tolist()]
            return np.array(text, object)[index].tolist()

        def named(kind: str, codes: np.ndarray) -> list[str]:
            return [names[kind].get(str(c), "") if c else "" for c in codes.tolist()]

        crimes, premises, weapons = self.code[written], self.premise[premise], self.weapon[weapon]
        blank = [""] * n
        return dict(
            zip(
                (column.name for column in COLUMNS.values()),
                (
                    [f"99{at:07}" for at in range(number, number + n)],
                    dates(days + delay),
                    dates(days),
                    [f"{h:02}{m:02}" for h, m in zip(hour.tolist(), minute.tolist(), strict=True)],
                    [f"{a:02}" for a in area.tolist()],
                    named("area", area),
                    [f"{d:04}" for d in self.district[district].tolist()],
                    blank,
                    [str(c) for c in crimes.tolist()],
                    named("crime", crimes),
                    [" ".join(codes) for codes in given],
                    [f"{a:.0f}" for a in age.tolist()],
                    [chr(64 + int(s)) for s in sex.tolist()],
                    [chr(64 + int(s)) for s in descent.tolist()],
                    [str(p) if p else "" for p in premises.tolist()],
                    named("premis", premises),
                    [str(w) if w else "" for w in weapons.tolist()],
                    named("weapon", weapons),
                    ["IC"] * n,
                    ["Invest Cont"] * n,
                    [str(c) for c in crimes.tolist()],
                    blank,
                    blank,
                    blank,
                    [SIMULATED_LOCATION] * n,
                    blank,
                    [f"{v:.4f}" for v in degrees[:, 0].tolist()],
                    [f"{v:.4f}" for v in degrees[:, 1].tolist()],
                ),
                strict=True,
            )
        )

    def posterior(self, fields: dict[str, np.ndarray], rows: int, level: str = "report") -> np.ndarray:
        """(rows, 7) the true probabilities of the written category, of what is known at a level of detail."""
        days, area = fields["date_occ"].astype(int), fields["area"].astype(int)
        span = np.arange(days.min(), days.max() + 1)
        prior = self.mix_on(span)[days - span[0], area]
        prior = prior * self.hour[:, (fields["time_occ"] // 60).astype(int)].T
        delay = np.minimum(fields["date_rptd"] - days, MAX_DELAY_DAYS)
        at = np.searchsorted(self.delay, np.nan_to_num(delay).astype(int))
        prior = np.where(np.isnan(delay)[:, None], prior, prior * self.delay_share[:, at].T)
        log = np.log(prior @ self.code_share + 1e-300)  # (rows, codes)
        known = list(DETAIL_LEVELS).index(level)
        if known >= 1:
            premise = np.searchsorted(self.premise, fields["premis_cd"].astype(int))
            later = self._premises(days).astype(bool)
            log += np.where(
                later[:, None], np.log(self.premise_drifted)[:, premise].T, np.log(self.premise_share)[:, premise].T
            )
        if known >= 2:
            weapon = np.searchsorted(self.weapon, fields["weapon_used_cd"].astype(int))
            log += np.log(self.weapon_share)[:, weapon].T
        if known >= 3:
            odds = (np.log(self.mo_share) - np.log1p(-self.mo_share)).T  # (mo, codes)
            log += np.log1p(-self.mo_share).sum(1)
            place = {code: at for at, code in enumerate(self.mo)}
            for row, codes in enumerate(fields["mocodes"]):
                for code in codes:
                    log[row] += odds[place[code]]
        share = np.exp(log - log.max(1, keepdims=True))
        share /= share.sum(1, keepdims=True)
        by_category = np.zeros((len(self.code), 7))
        by_category[np.arange(len(self.code)), self.category_of] = 1
        return (1 - MISCODED) * share @ by_category + MISCODED * self.any_code @ by_category

    def write(self, output: Path, progress: Callable[[int], None] = lambda rows: None) -> None:
        """Write the city's first `rows` reports, in order of their day, to .csv, .csv.gz or .parquet.

        Memory stays the same for any number. Raises `DataError`.
        """
        import pyarrow as pa
        from pyarrow import csv as arrow_csv
        from pyarrow import parquet

        suffix = "".join(output.suffixes[-2:]).lower()
        if not suffix.endswith((".csv", ".csv.gz", ".parquet")):
            raise DataError(f"--output must end in .csv, .csv.gz or .parquet, not {output.name!r}")
        schema = pa.schema([(column.name, pa.string()) for column in COLUMNS.values()])
        with atomic_write(output) as partial:
            if suffix.endswith(".parquet"):
                with parquet.ParquetWriter(partial, schema) as writer:
                    for batch in self._batches(schema, progress):
                        writer.write_batch(batch)
            else:
                packed = "gzip" if suffix.endswith(".gz") else None
                with (
                    pa.output_stream(partial, compression=packed) as sink,
                    arrow_csv.CSVWriter(
                        sink, schema, write_options=arrow_csv.WriteOptions(quoting_style="needed")
                    ) as writer,
                ):
                    for batch in self._batches(schema, progress):
                        writer.write_batch(batch)
        settings_file(output).write_text(json.dumps(asdict(self.settings)) + "\n")

    def _batches(self, schema: Any, progress: Callable[[int], None]) -> Iterator[Any]:
        import pyarrow as pa

        rng = np.random.default_rng([self.settings.seed, 2])
        done, days, districts, waiting = 0, [], [], 0
        for day, reports in self.days():
            at = np.repeat(np.arange(len(self.district)), reports)
            at = rng.permutation(at)[: self.settings.rows - done - waiting]
            days.append(np.full(len(at), day))
            districts.append(at)
            waiting += len(at)
            if waiting >= 16_384 or done + waiting == self.settings.rows:
                columns = self.block(np.concatenate(days), np.concatenate(districts), rng, done)
                yield pa.RecordBatch.from_pydict(columns, schema)
                done, days, districts, waiting = done + waiting, [], [], 0
                progress(done)
            if done == self.settings.rows:
                return
