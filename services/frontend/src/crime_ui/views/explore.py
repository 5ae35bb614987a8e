"""Where, when and what reports were, also beside an earlier time."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st
from crime_ui import address
from crime_ui.briefing import print_styles
from crime_ui.charts import histograms, maps
from crime_ui.charts.districts import district_places
from crime_ui.charts.maps import MapPlace, area_places
from crime_ui.charts.place_map import show_map
from crime_ui.charts.shown import MODEBAR, show
from crime_ui.client import cached
from crime_ui.client.answers import PlaceKind, ReportCounts
from crime_ui.client.forecasts import Cut
from crime_ui.client.reports import ReportFilters
from crime_ui.client.transport import Refused
from crime_ui.comparison import Against, Days, by_period, change_text, earlier_days
from crime_ui.language import _, long_day, number, percent
from crime_ui.literal import literal, literal_cells, refusal_text, tamed_csv
from crime_ui.names import area_names, category_names, shift_names

ALL_DISTRICTS = 2000  # at most, for the API's `top`
AREA_ONLY_CATEGORIES = {"sexual"}
PRINTED_ROWS = 25


@dataclass(frozen=True)
class Choice:
    """What is counted. `filters`: without days; `area`: the number of the chosen one."""

    filters: ReportFilters
    area: int | None
    days: Days
    against: Against
    by: PlaceKind


def page() -> None:
    print_styles()
    total = cached.report_counts({})
    st.title(_("Where and when"))
    show_notices(total)
    chosen = choice(total)
    try:
        counts = counted(chosen.filters, chosen.days)
    except Refused as refusal:
        st.info(refusal_text(refusal), icon=":material/event_busy:")
        return
    if not counts["total"]:
        st.info(_("No report matches these filters."), icon=":material/filter_alt_off:")
        return
    earlier = earlier_counts(chosen, total)
    show_totals(counts, earlier)
    show_places(chosen, counts, earlier)
    show_categories(counts, earlier)
    show_time(counts, earlier)
    st.caption(
        _("What is unusual in the latest weeks, and changes that are more than chance, are on the page This week.")
    )


def show_notices(total: ReportCounts) -> None:
    """Which reports are counted."""
    data = cached.category_model()["serving"]["data"]
    first, last = (datetime.date.fromisoformat(data[end]) for end in ("from", "until"))
    st.caption(
        _(
            "{count} reports from {first} to {last}: those the model was trained and tested on. Reports are not "
            "crimes: what nobody reports is not here."
        ).format(count=number(total["total"]), first=long_day(first), last=long_day(last))
    )
    if (share := data.get("share", 1)) < 1:
        st.info(
            _(
                "**A random draw.** These are 1 in {parts} of LAPD's reports of that time, about {all} in all. Counts "
                "are of the draw: compare shares, not numbers of the city."
            ).format(parts=number(1 / share), all=number(total["total"] / share)),
            icon=":material/filter_1:",
        )
    if complete_until := total.get("complete_until"):
        st.caption(
            _("After {day} LAPD's areas moved to NIBRS: later reports are in another table.").format(
                day=long_day(datetime.date.fromisoformat(complete_until))
            )
        )


def choice(total: ReportCounts) -> Choice:
    """What the filters say."""
    address.take_earlier("area", "areas")
    address.take_earlier("category", "categories", many=True)
    take_earlier_months()
    first, last = (datetime.date.fromisoformat(total[end]) for end in ("first_day", "last_day"))
    with st.container(horizontal=True, key="screen-filters", vertical_alignment="bottom"):
        area = address.area(st, _("The whole city"), width=210)
        categories = address.pick_many(
            st, _("Category"), "category", category_names(), placeholder=_("All seven"), width=340
        )
        codes = address.pick_many(
            st, _("Offence type"), "code", code_names(total, categories), placeholder=_("All"), width="stretch"
        )
        shift = address.switch(st, _("Shift"), "shift", {"all": _("All day"), **shift_names()}, "all")
        start = address.day(st, _("From"), "from", first, first, last, width=150) or first
        end = address.day(st, _("To"), "to", last, first, last, width=150) or last
        against = address.switch(st, _("Beside"), "against", against_names(), "nothing")
        withheld = bool(categories) and set(categories) <= AREA_ONLY_CATEGORIES
        kinds = {"area": _("Areas")} | ({} if withheld else {"district": _("Districts")})
        by: Any = address.switch(st, _("Places"), "by", kinds, "area")
    if start > end:
        st.warning(_("The first day is after the last: they were exchanged."), icon=":material/swap_horiz:")
        start, end = end, start
    area_number = next((code for code, name in area_names().items() if name == area), None)
    filters: ReportFilters = {"category": categories, "code": codes}
    if area_number:
        filters["area"] = [str(area_number)]
    if shift != "all":
        filters["shift"] = [int(shift)]
    return Choice(filters, area_number, (start, end), against, by)


def take_earlier_months() -> None:
    """The months in an address of an earlier release, as days."""
    months = st.query_params.get_all("months")
    st.query_params.pop("months", None)
    try:
        starts = sorted(datetime.date.fromisoformat(f"{month}-01") for month in months)
    except ValueError:
        return
    if starts and "from" not in st.query_params:
        st.query_params["from"] = starts[0].isoformat()
        next_month = (starts[-1] + datetime.timedelta(days=31)).replace(day=1)
        st.query_params["to"] = (next_month - datetime.timedelta(days=1)).isoformat()


def against_names() -> dict[Against, str]:
    return {"nothing": _("Nothing"), "before": _("The time before"), "year_before": _("A year before")}


def code_names(total: ReportCounts, categories: Sequence[str]) -> dict[str, str]:
    """The crime codes of these categories (all, if none) that reports have, the most frequent first."""
    reports = total["by_code"] or {}
    names = cached.category_model()["serving"]["categories"]
    wanted = {names[key] for key in categories or names}
    known = {
        f"{code['system']}:{code['code']}": f"{code['name'].capitalize()} ({code['code']})"
        for code in cached.codes()["crime"]
        if code.get("category") in wanted
    }
    return {key: known[key] for key in sorted(reports, key=lambda key: -reports[key]) if key in known}


def counted(filters: ReportFilters, days: Days) -> ReportCounts:
    first, last = (day.isoformat() for day in days)
    return cached.report_counts({**filters, "first": first, "last": last})


def earlier_counts(chosen: Choice, total: ReportCounts) -> ReportCounts | None:
    """The counts that those of now are compared with; None, and why, if the table does not have their days."""
    days = earlier_days(chosen.days, chosen.against)
    if days is None:
        return None
    names = [long_day(day) for day in days]
    if days[0].isoformat() < total["first_day"]:
        st.info(
            _("The table begins later than {first}: it does not have all days from {first} to {last}.").format(
                first=names[0], last=names[1]
            ),
            icon=":material/event_busy:",
        )
        return None
    st.caption(
        _(
            "Beside it: {first} to {last}. A change has the range that holds the true one 95 times in 100, if reports "
            "come independently; among many rows, some leave it out by chance."
        ).format(first=names[0], last=names[1])
    )
    return counted(chosen.filters, days)


def show_totals(counts: ReportCounts, earlier: ReportCounts | None) -> None:
    category, reports = max(counts["by_category"].items(), key=lambda item: item[1])
    busiest = max(counts["by_area"], key=lambda area: counts["by_area"][area])
    left, middle, right = st.columns(3)
    change = change_text(counts["total"], earlier["total"]) if earlier else None
    left.metric(_("Reports"), number(counts["total"]), change, delta_color="off", delta_arrow="off", border=True)
    share = percent(reports / counts["total"])
    middle.metric(
        _("Most frequent"), literal(_(category).capitalize()), share, delta_color="off", delta_arrow="off", border=True
    )
    right.metric(_("Busiest area"), literal(area_names()[int(busiest)]), border=True)


def show_places(chosen: Choice, counts: ReportCounts, earlier: ReportCounts | None) -> None:
    """A map and a table of areas or districts."""
    by_area, by_district = counts["by_area"], counts["by_district"]
    if chosen.by == "district" and by_district is None:
        st.info(_("The model is of an earlier release and does not count districts."), icon=":material/event_busy:")
    left, right = st.columns([6, 5], gap="large")
    if chosen.by == "district" and by_district is not None:
        values = {int(key): reports for key, reports in by_district.items()}
        drawn = known_districts(values, chosen.area)
        names = {key: _("District {number}").format(number=f"{key:04}") for key in values}
        before = (earlier["by_district"] or {}) if earlier else {}
    else:
        only = chosen.area
        values = {int(key): reports for key, reports in by_area.items() if only in (None, int(key))}
        drawn = area_places(values)
        names = area_names()
        before = earlier["by_area"] if earlier else {}
    with left:
        title = _("By area") if chosen.by == "area" else _("By district")
        st.subheader(title)
        if drawn:
            show_map(drawn, _("reports"), 0, title, chosen.area)
        if chosen.by == "district" and by_district is not None:
            unplaced = counts["total"] - sum(values.values())
            st.caption(
                _(
                    "Outlines of districts are not LAPD's: each is what is nearest to the centre of its reports, "
                    "within its area. {count} reports are of no district that is told."
                ).format(count=number(unplaced))
            )
    with right:
        rows = {names[key]: (reports, before.get(str(key), 0)) for key, reports in values.items()}
        show_table(rows, _("Place"), earlier is not None, "places")


def known_districts(values: Mapping[int, int], area: int | None) -> list[MapPlace]:
    """Districts on the map, with the centres that the forecast has, also those without reports; none without it."""
    try:
        places = cached.hotspots(ALL_DISTRICTS, "district", cut=Cut())["places"]
    except Refused:
        return []
    shown = {place["id"]: 0 for place in places if area in (None, place["area"])}
    return district_places(places, shown | dict(values))


def show_table(rows: Mapping[str, tuple[int, int]], heading: str, compared: bool, key: str) -> None:
    """Reports by name, the most first; each beside the earlier ones if they are compared."""
    ranked = sorted(rows.items(), key=lambda row: -row[1][0])
    columns: dict[str, list[Any]] = {
        heading: [name for name, _counts in ranked],
        _("Reports"): [now for _name, (now, _before) in ranked],
    }
    if compared:
        columns[_("Earlier")] = [before for _name, (_now, before) in ranked]
        columns[_("Change")] = [change_text(now, before) for _name, (now, before) in ranked]
    frame = pd.DataFrame(columns)
    with st.container(key=f"screen-{key}"):
        st.dataframe(frame, hide_index=True, height=min(35 * (len(frame) + 1) + 3, 493), key=f"table-{key}")
        st.download_button(
            _("All rows as CSV"),
            tamed_csv(frame),
            file_name=f"reports-{key}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key=f"csv-{key}",
        )
    with st.container(key=f"paper-{key}"):
        st.table(literal_cells(frame.head(PRINTED_ROWS)).set_index(heading))
        if len(frame) > PRINTED_ROWS:
            st.caption(_("The first {count} of {all}.").format(count=PRINTED_ROWS, all=number(len(frame))))


def show_categories(counts: ReportCounts, earlier: ReportCounts | None) -> None:
    """Bars of the categories, and a table of the offence types within them."""
    left, right = st.columns([6, 5], gap="large")
    names = period_names(earlier)
    now = {_(name).capitalize(): reports for name, reports in counts["by_category"].items()}
    now = dict(sorted(now.items(), key=lambda item: -item[1]))
    before = {_(name).capitalize(): reports for name, reports in earlier["by_category"].items()} if earlier else None
    with left:
        title = _("By category")
        st.subheader(title)
        table: dict[str, list[Any]] = {_("Category"): list(now), _("Reports"): list(now.values())}
        if before is not None:
            table[_("Earlier")] = [before[name] for name in now]
            table[_("Change")] = [change_text(reports, before[name]) for name, reports in now.items()]
        show(histograms.compared_bars(now, before, names), "by-category", title, table, MODEBAR)
    with right:
        st.subheader(_("By offence type"))
        if counts["by_code"] is None:
            st.info(_("The model is of an earlier release and does not count offence types."))
            return
        known = code_names(counts, [])
        before_codes = (earlier["by_code"] or {}) if earlier else {}
        rows = {name: (counts["by_code"][key], before_codes.get(key, 0)) for key, name in known.items()}
        show_table(rows, _("Offence type"), earlier is not None, "offences")


def period_names(earlier: ReportCounts | None) -> list[str]:
    return [_("Now"), _("Earlier")] if earlier else [_("Reports")]


def show_time(counts: ReportCounts, earlier: ReportCounts | None) -> None:
    """Bars over time, and weekdays by hour."""
    now, title = by_period(counts["by_day"]) if counts["by_day"] is not None else (counts["by_month"], _("By month"))
    before = by_period(earlier["by_day"])[0] if earlier and earlier["by_day"] is not None else None
    st.subheader(title)
    table: dict[str, list[Any]] = {_("From"): list(now), _("Reports"): list(now.values())}
    if before is not None and len(before) == len(now):
        table |= {_("Earlier from"): list(before), _("Earlier"): list(before.values())}
    show(histograms.over_time(now, before, period_names(earlier)), "by-time", title, table, MODEBAR)
    title = _("By weekday and hour")
    st.subheader(title)
    weekdays = [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")]
    hours: dict[str, Sequence[Any]] = {_("Hour"): list(range(24))}
    hours |= dict(zip(weekdays, counts["by_weekday_hour"], strict=True))
    scale = maps.DARK_SCALE if st.context.theme.type == "dark" else maps.LIGHT_SCALE
    figure = histograms.weekday_hour(counts["by_weekday_hour"], weekdays, _("hour"), scale)
    show(figure, "by-hour", title, hours, MODEBAR)


page()
