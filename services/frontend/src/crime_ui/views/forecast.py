"""Where and when reports are expected in the next four weeks, and how the previous forecast did."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st
from crime_ui import address
from crime_ui.briefing import print_styles
from crime_ui.charts import forecasts
from crime_ui.charts.districts import district_places
from crime_ui.charts.maps import area_places
from crime_ui.charts.place_map import show_map
from crime_ui.charts.shown import MODEBAR, show
from crime_ui.client import cached
from crime_ui.client.answers import (
    DayCount,
    ForecastDay,
    Hotspots,
    Interval,
    PeriodAhead,
    Place,
    PlaceForecast,
    PlaceKind,
)
from crime_ui.client.forecasts import Cut
from crime_ui.client.transport import Refused
from crime_ui.language import _, long_day, ngettext, number, percent
from crime_ui.literal import literal, literal_cells, refusal_text, tamed_csv
from crime_ui.names import area_names, category_name, category_names, shift_names
from crime_ui.outage import nothing_yet

AREA_ONLY_CATEGORIES = ("sexual",)
ALL_AREAS, ALL_DISTRICTS = 21, 2000  # at most, for the API's `top`
RECENT_DAYS = 56
PERIOD_DAYS: dict[PeriodAhead, int] = {"day": 1, "week": 7, "four_weeks": 28}
PRINTED_PLACES = 25
PART_OF_USUAL = 0.5  # of LAPD's reports a day, below which a table is only a part of them


@dataclass(frozen=True)
class Choice:
    """What is shown. `area`: its name, None for the whole city; `last`: the period's last day."""

    area: str | None
    cut: Cut
    period: PeriodAhead
    first: datetime.date
    by: PlaceKind

    @property
    def last(self) -> datetime.date:
        return self.first + datetime.timedelta(days=PERIOD_DAYS[self.period] - 1)

    @property
    def area_number(self) -> int | None:
        return next((code for code, name in area_names().items() if name == self.area), None)

    @property
    def what(self) -> str:
        """The place, the category and the shift in words."""
        shift = [] if self.cut.shift is None else [shift_names()[str(self.cut.shift)]]
        return ", ".join([self.area or "Los Angeles", category_name(self.cut.category).lower(), *shift])

    @property
    def when(self) -> str:
        if self.period == "day":
            return long_day(self.first)
        return _("{first} to {last}").format(first=long_day(self.first), last=long_day(self.last))


def page() -> None:
    print_styles()
    st.title(_("What to expect"))
    try:
        covered = cached.hotspots(1, "area", cut=Cut())
    except Refused as refusal:  # everything but the forecast works
        nothing = _("**There is no forecast yet.** `crime forecast` makes one. ({reason})").format(
            reason=refusal_text(refusal)
        )
        nothing_yet(nothing)
        return
    show_notices(covered)
    chosen = choice(covered)
    st.subheader(_("{what}: {when}").format(what=literal(chosen.what), when=chosen.when))
    forecast = cached.place_forecast(chosen.area_number, chosen.cut)
    show_places(chosen)
    show_days(forecast, chosen)
    show_before(forecast, chosen)
    st.info(
        _(
            "**Limits.** Reports are not crimes: what nobody reports is not here, and more police means more reports, "
            "so a forecast that sends police where reports were can feed on itself. It counts reports of places; no "
            "individual is scored, and none may be scored by it. A range is for planning shifts, not for suspecting "
            "anybody."
        ),
        icon=":material/balance:",
    )
    with st.container(key="screen-print"):
        st.caption(
            _(
                "For a briefing, print this page or save it as PDF with the browser: filters and buttons are left out. "
                "The camera above a figure saves it as PNG."
            )
        )


def show_notices(covered: Hotspots) -> None:
    """Whether the forecast is simulated, old, or of a part of the reports; what it covers."""
    if covered["simulated"]:
        st.warning(
            _("**Simulated.** This forecast rests on a simulated city's reports, not on real ones."),
            icon=":material/science:",
        )
    if covered.get("warning"):
        old = _("**This forecast is old:** {reason}. `crime retrain` makes a new one.")
        st.error(old.format(reason=refusal_text(covered["warning"])), icon=":material/hourglass_disabled:")
    table, share = covered["table"], covered.get("share", 1)
    if share < 1:
        st.info(
            _(
                "**Scaled from a random draw.** It was made from {count} reports, 1 in {parts} of LAPD's. What is "
                "expected is of all of them, and the ranges are wider for what the draw leaves unknown. Past days are "
                "not shown: the draw has too few reports of a day."
            ).format(count=number(table["reports"]), parts=number(1 / share)),
            icon=":material/zoom_in:",
        )
    elif table["per_day"] < PART_OF_USUAL * table["usual_per_day"] and not covered["simulated"]:
        st.warning(
            _(
                "**Not all of LAPD's reports.** The table has {count} reports, {rate} a day; LAPD took about {usual} a "
                "day from 2020 to 2023. What is expected is of this table alone, about {share} of the city's reports. "
                "If it is a random draw, `--share` scales it."
            ).format(
                count=number(table["reports"]),
                rate=number(table["per_day"], 1),
                usual=number(table["usual_per_day"]),
                share=percent(table["per_day"] / table["usual_per_day"]),
            ),
            icon=":material/pie_chart:",
        )
    first, last, made = (datetime.date.fromisoformat(covered[key]) for key in ("first", "last", "made_at"))
    st.caption(
        _(
            "Reports expected from {first} to {last}, made at the end of {made} from what had been reported by then. "
            "Four times in five the number that comes lies in the 80 % range."
        ).format(first=long_day(first), last=long_day(last), made=long_day(made))
    )


def choice(covered: Hotspots) -> Choice:
    """What the filters say; each of them holds for the whole page."""
    address.take_earlier("area", "forecast-area")
    address.take_earlier("category", "kind-of-report")
    with st.container(horizontal=True, key="screen-filters", vertical_alignment="bottom"):
        area = address.area(st, _("The whole city"), width=210)
        category = address.pick(st, _("Category"), "category", category_names(), placeholder=_("All seven"), width=210)
        shift = address.switch(st, _("Shift"), "shift", {"all": _("All day"), **shift_names()}, "all")
        period = address.switch(st, _("Period"), "ahead", period_names(), "week")
        day = day_in(covered, period)
        # the API tells places of sexual crimes no finer than their area
        kinds = {"area": _("Areas")} | ({} if category in AREA_ONLY_CATEGORIES else {"district": _("Districts")})
        by: Any = address.switch(st, _("Places"), "by", kinds, "area")
    return Choice(area, Cut(None if shift == "all" else int(shift), category), period, day, by)


def day_in(covered: Hotspots, period: PeriodAhead) -> datetime.date:
    """The first day of the period, as chosen: any that leaves the whole period in the forecast."""
    first, end = datetime.date.fromisoformat(covered["first"]), datetime.date.fromisoformat(covered["last"])
    last = end - datetime.timedelta(days=PERIOD_DAYS[period] - 1)
    if (kept := st.session_state.get("day")) and not first <= kept <= last:  # the period was made longer
        st.session_state["day"] = last
    label = _("Day") if period == "day" else _("From")
    return address.day(st, label, "day", first, first, last, width=150) or first


def period_names() -> dict[PeriodAhead, str]:
    return {"day": _("A day"), "week": _("7 days"), "four_weeks": _("28 days")}


def show_places(chosen: Choice) -> None:
    """A map and a table of the areas, or of the districts."""
    top = ALL_AREAS if chosen.by == "area" else ALL_DISTRICTS
    try:
        answer = cached.hotspots(top, chosen.by, str(chosen.first), chosen.period, cut=chosen.cut)
    except Refused as refusal:  # a forecast of an earlier release, or one without districts
        st.info(refusal_text(refusal), icon=":material/event_busy:")
        return
    number_of_area = chosen.area_number
    places = [place for place in answer["places"] if number_of_area in (None, place["area"])]
    if not places:
        st.info(_("The forecast has no place here."), icon=":material/event_busy:")
        return
    expected = {place["id"]: place["mean"] for place in places}
    drawn = area_places(expected) if chosen.by == "area" else district_places(answer["places"], expected)
    name = _("Map of expected reports: {what}, {when}").format(what=chosen.what, when=chosen.when)
    left, right = st.columns([6, 5], gap="large")
    with left:
        show_map(drawn, _("reports expected"), 1, name, number_of_area)
        if chosen.by == "district":
            st.caption(
                _(
                    "Outlines of districts are not LAPD's: each is what is nearest to the centre of its reports, "
                    "within its area. About three in four reports lie in the outline of their own district. Districts "
                    "with fewer than 3 located reports are dots."
                )
            )
    with right:
        show_ranking(places, chosen)


def show_ranking(places: Sequence[Place], chosen: Choice) -> None:
    """All places, those with the most expected reports first."""
    title = ngettext("Where most are expected: {count} place", "Where most are expected: {count} places", len(places))
    st.markdown(f"**{title.format(count=number(len(places)))}**")
    ranked = ranking(places, chosen.by)
    with st.container(key="screen-ranking"):
        st.dataframe(
            ranked,
            hide_index=True,
            height=min(35 * (len(ranked) + 1) + 3, 493),
            key="ranking",
            column_config={  # pixels: all columns fit a phone
                _("Place"): st.column_config.TextColumn(width=118),
                _("Expected"): st.column_config.NumberColumn(format="%.1f", width=70),
                _("80 %"): st.column_config.TextColumn(width=80, help=_("the range for four times in five")),
                _("95 %"): st.column_config.TextColumn(width=80, help=_("the range for 19 times in 20")),
            },
        )
        st.download_button(
            _("All places as CSV"),
            csv_of(places, chosen),
            file_name=f"expected-{chosen.by}-{chosen.first}-{chosen.period}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="csv-ranking",
        )
    with st.container(key="paper-ranking"):
        st.table(
            literal_cells(ranked.head(PRINTED_PLACES)).set_index(_("Place")).style.format({_("Expected"): "{:.1f}"})
        )
        if len(ranked) > PRINTED_PLACES:
            st.caption(_("The first {count} of {all}.").format(count=PRINTED_PLACES, all=number(len(ranked))))


def ranking(places: Sequence[Place], by: PlaceKind) -> pd.DataFrame:
    areas = area_names()
    return pd.DataFrame(
        {
            _("Place"): place["name"] if by == "area" else f"{place['id']:04}, {areas.get(place['area'], '')}",
            _("Expected"): place["mean"],
            _("80 %"): range_text(place["low80"], place["high80"]),
            _("95 %"): range_text(place["low95"], place["high95"]),
        }
        for place in places
    )


def csv_of(places: Sequence[Place], chosen: Choice) -> str:
    """The places as a table for other programs, in English and without rounding."""
    table = pd.DataFrame(
        {
            "place": place["name"],
            "id": place["id"],
            "area": place["area"],
            "first_day": str(chosen.first),
            "last_day": str(chosen.last),
            "shift": "" if chosen.cut.shift is None else chosen.cut.shift,
            "category": chosen.cut.category or "",
            **{key: place[key] for key in ("mean", "low80", "high80", "low95", "high95")},
        }
        for place in places
    )
    return tamed_csv(table)


def range_text(low: float, high: float) -> str:
    return _("{low} to {high}").format(low=number(low), high=number(high))


def show_days(forecast: PlaceForecast, chosen: Choice) -> None:
    title = _("The next four weeks by day: {what}").format(what=chosen.what)
    st.subheader(literal(title))
    recent = forecast["recent"][-RECENT_DAYS:]
    figure = forecasts.forecast_fan(recent, forecast["days"], _("known so far"))
    show(figure, "fan", title, days_table(forecast["days"], recent), MODEBAR)
    total = _("{count} reports are expected in all.").format(count=number(forecast["total"]))
    st.caption(
        " ".join(
            [
                total,
                *([range_sentence(forecast["total_range"])] if forecast["total_range"] else []),
                _("Line: expected; bands: 80 % and 95 % of a day."),
                *([_("Before it, what was known.")] if recent else []),
            ]
        )
    )


def range_sentence(total: Interval) -> str:
    return _("80 % range {range80}, 95 % {range95}.").format(
        range80=range_text(total["low80"], total["high80"]), range95=range_text(total["low95"], total["high95"])
    )


def days_table(days: Sequence[ForecastDay], known: Sequence[DayCount]) -> dict[str, list[Any]]:
    """The numbers of a fan: past days with their reports, then days with what is expected."""
    reports = {day["date"]: day["reports"] for day in known}
    expected = {day["date"]: day for day in days}
    dates = sorted(reports.keys() | expected.keys())
    columns: dict[str, list[Any]] = {_("Day"): dates, _("Reports"): [reports.get(date) for date in dates]}
    for heading, bound in (
        (_("Expected"), "mean"),
        (_("80 % from"), "low80"),
        (_("80 % to"), "high80"),
        (_("95 % from"), "low95"),
        (_("95 % to"), "high95"),
    ):
        columns[heading] = [dict(expected[date])[bound] if date in expected else None for date in dates]
    return columns


def show_before(forecast: PlaceForecast, chosen: Choice) -> None:
    """The forecast before beside what came."""
    before = forecast["before"]
    if not before:
        return
    title = _("How the previous forecast did: {what}").format(what=chosen.what)
    st.subheader(literal(title))
    figure = forecasts.forecast_fan(before, before, _("reported"))
    show(figure, "before", title, days_table(before, before), MODEBAR)
    in_range = sum(day["low80"] <= day["reports"] <= day["high80"] for day in before)
    expected, reported = sum(day["mean"] for day in before), sum(day["reports"] for day in before)
    st.caption(
        _(
            "Made at least four weeks before the data end: {expected} expected, {reported} reported; {inside} of "
            "{days} days in their 80 % range."
        ).format(expected=number(expected), reported=number(reported), inside=in_range, days=len(before))
    )


page()
