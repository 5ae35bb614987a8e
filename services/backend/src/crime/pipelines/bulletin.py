"""The week as one HTML file that needs nothing else: for reading, printing and sending."""

import math
from html import escape

import numpy as np

from crime.core.days import day_number, day_text, today
from crime.core.errors import BundleError, ModelNotFoundError
from crime.core.model_names import FORECAST_MODEL
from crime.forecaster.bundle import ForecastBundle
from crime.forecaster.week import KINDS, PERIODS, Period, WeekArrays, period_spans
from crime.registry.kinds import FORECAST
from crime.registry.lookup import find_version
from crime.registry.protocol import Registry
from crime.reports.categories import CATEGORIES
from crime.reports.codes import code_names
from crime.reports.places import PLACE_KINDS

PERIOD_NAMES: dict[Period, str] = {"week": "7 days", "four_weeks": "28 days", "year_to_date": "Year to date"}
WIDTH, HEIGHT = 720, 200  # of the chart
STYLE = """
body {font: 14px/1.4 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #16202c}
h1 {margin-bottom: 0} h2 {margin: 1.6rem 0 .4rem} table {border-collapse: collapse; width: 100%}
th, td {padding: .2rem .5rem; text-align: right; border-bottom: 1px solid #d5dbe3} th:first-child, td:first-child
{text-align: left} .warning {border-left: 4px solid #b3261e; padding-left: .7rem}
small {color: #55606e} svg {width: 100%; height: auto} section {break-inside: avoid}
@media print {body {margin: 0; font-size: 11px} section {break-inside: avoid}}
"""


def forecast_of_week(registry: Registry, day: str | None) -> ForecastBundle:
    """The champion of the forecast, or the newest version whose reports end on `day` or at most six days before.

    Raises `ModelNotFoundError` where there is none, `BundleError` where it has no weeks, and `RegistryError`.
    """
    if day is None:
        version, directory = find_version(registry, FORECAST_MODEL)
        return _with_weeks(FORECAST.open(directory, version))
    for one in registry.versions(FORECAST_MODEL):
        bundle = FORECAST.open(registry.bundle(FORECAST_MODEL, one.version), one.version)
        if 0 <= day_number(day) - bundle.origin < 7:
            return _with_weeks(bundle)
    raise ModelNotFoundError(f"{FORECAST_MODEL} of the week of {day}", str(registry), "crime forecast --data")


def _with_weeks(bundle: ForecastBundle) -> ForecastBundle:
    if bundle.week is None:
        raise BundleError(
            f"version {bundle.version} of {bundle.name} is of an earlier release and says nothing of the latest weeks: "
            "`crime forecast` makes one that does"
        )
    return bundle


def bulletin_html(bundle: ForecastBundle) -> str:
    """The page: what is unusual, the city by category and its areas beside earlier times, a year of weeks, limits."""
    week = bundle.week
    assert week is not None  # `forecast_of_week` sees to it
    last = day_text(bundle.origin)
    parts = [
        f"<h1>Reports of the week to {last}</h1>",
        f"<p><small>{bundle.name} version {escape(bundle.version)}; reports until {last}, "
        f"{today() - bundle.origin:,} days before this was written.</small></p>",
        *_warnings(bundle),
        _unusual(bundle, week),
        *(_comparison(week, bundle.origin, period) for period in PERIODS),
        _year_of_weeks(week, bundle.origin),
        "<p><b>Limits.</b> Reports are not crimes: what nobody reports is not here, and more police means more "
        "reports. A mark says that a change is more than chance, not why, and not that it will last. Nothing here is "
        "about a person.</p>",
    ]
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Week to {last}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )


def _warnings(bundle: ForecastBundle) -> list[str]:
    data, warnings = bundle.spec.data, []
    if data.simulated:
        warnings.append("<b>Simulated.</b> These are a simulated city's reports, not real ones.")
    if data.share < 1:
        warnings.append(
            f"<b>A random draw.</b> Counts are of 1 in {1 / data.share:,.0f} of LAPD's reports, as drawn, not scaled. "
            "So few tell only large changes: no mark is no all-clear."
        )
    return [f'<p class="warning">{warning}</p>' for warning in warnings]


def _unusual(bundle: ForecastBundle, week: WeekArrays) -> str:
    rows = []
    for (kind, id_, category, days), (reports, expected, low, high, _) in zip(
        week.unusual_place[week.unusual_alarm].tolist(), week.unusual_count[week.unusual_alarm].tolist(), strict=True
    ):
        what = _place(PLACE_KINDS[kind], id_) + (f", {CATEGORIES[str(KINDS[category])]}" if category else "")
        cells = (what, f"{days} days", f"{reports:,.0f}", f"{expected:,.0f}", f"{low:,.0f} to {high:,.0f}")
        rows.append(_row(cells))
    if not rows:
        text = "Nothing is outside what was expected by more than chance"
        return f"<section><h2>Unusual now</h2><p>{text}: {week.looked_at.sum():,} comparisons.</p></section>"
    head = _row(("What", "In the last", "Known", "Expected", "95 % range"), "th")
    return f"<section><h2>Unusual now</h2><table>{head}{''.join(rows)}</table></section>"


def _comparison(week: WeekArrays, origin: int, period: Period) -> str:
    """The city by category, then the areas, of one period."""
    index = PERIODS.index(period)
    now, before, year = (f"{day_text(first)} to {day_text(last)}" for first, last in period_spans(origin)[index])
    cells = [(0, kind) for kind in range(len(KINDS))] + [(place, 0) for place in range(1, len(week.ids))]
    head = _row(("", "Now", "Before", "Change", "A year before", "Change"), "th")
    rows = "".join(_compared(week, place, kind, index) for place, kind in cells)
    return (
        f"<section><h2>{PERIOD_NAMES[period]}</h2><p><small>Now {now}, before {before}, a year before {year}. Counts "
        "include reports still to come. ▲ and ▼: more than chance over all areas and categories. In brackets the range "
        f"that holds the true change 95 times in 100.</small></p><table>{head}{rows}</table></section>"
    )


def _compared(week: WeekArrays, place: int, kind: int, period: int) -> str:
    label = str(KINDS[kind])
    id_ = int(week.ids[place])
    name = CATEGORIES[label].capitalize() if kind else _place("area" if id_ else "city", id_)
    count, changes = [], []
    for span in range(3):
        count.append(f"{week.corrected[0, place, kind, period, span]:,.0f}" if week.days[period, span] else "–")
    for span in range(2):
        ratio = week.ratio[:, place, kind, period, span]
        mark = ("▲ " if ratio[0] > 1 else "▼ ") if week.marked[place, kind, period, span] else ""
        changes.append(mark + _change(ratio))
    return _row((name, count[0], count[1], changes[0], count[2], changes[1]))


def _change(ratio: np.ndarray) -> str:
    """A ratio with its interval, in percent."""
    value, low, high, p = ratio.tolist()
    if math.isnan(p):
        return "–"
    bounds = f"{_percent(low)} or more" if math.isinf(high) else f"{_percent(low)} to {_percent(high)}"
    return f"{_percent(value)} ({bounds})" if math.isfinite(value) else f"({bounds})"


def _percent(ratio: float) -> str:
    return f"{round(100 * (ratio - 1)):+d} %"


def _year_of_weeks(week: WeekArrays, origin: int) -> str:
    """The city's reports by week as a line, inside the 95 % range that a forecast had given."""
    reports, (_, low, high) = week.week_reports[0, 0], week.week_range[:, 0, 0]
    top = max(float(np.nanmax(np.append(high, 0))), float(reports.max()), 1.0)
    x = np.linspace(40, WIDTH - 10, len(reports))
    known = np.flatnonzero(~np.isnan(high))

    def points(rows: np.ndarray, values: np.ndarray) -> list[str]:
        return [f"{x[row]:.1f},{HEIGHT - 20 - values[row] / top * (HEIGHT - 30):.1f}" for row in rows]

    band = " ".join(points(known, high) + points(known[::-1], low))
    line = " ".join(points(np.arange(len(reports)), reports))
    first = day_text(origin - 7 * (len(reports) - 1))
    return (
        "<section><h2>A year of weeks: Los Angeles</h2>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Reports by week with their expected range">'
        f'<polygon points="{band}" fill="#cfe0f8"/><polyline points="{line}" fill="none" stroke="#2a6fdb" '
        f'stroke-width="2"/><text x="0" y="14" font-size="11">{top:,.0f}</text><text x="0" y="{HEIGHT - 20}" '
        f'font-size="11">0</text><text x="40" y="{HEIGHT - 4}" font-size="11">{first}</text><text x="{WIDTH - 10}" '
        f'y="{HEIGHT - 4}" font-size="11" text-anchor="end">{day_text(origin)}</text></svg><p><small>Line: reports '
        "known by now. Band: the 95 % range that a forecast had given before.</small></p></section>"
    )


def _place(kind: str, id_: int) -> str:
    if kind == "area":
        return code_names("area").get(str(id_), str(id_))
    return "Los Angeles" if kind == "city" else f"District {id_:04}"


def _row(cells: tuple[str, ...], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
