"""How the latest reports compare with earlier ones and with what was expected, and what is unusual in them."""

import datetime
from typing import Any, Literal

import pandas as pd
import streamlit as st
from crime_ui import address
from crime_ui.charts import forecasts
from crime_ui.charts.shown import show
from crime_ui.client import cached
from crime_ui.client.answers import Change, Compared, Compstat, Counted, Period, Span, UnusualPlace, Week
from crime_ui.client.transport import Refused
from crime_ui.language import _, long_day, number
from crime_ui.literal import literal, refusal_text
from crime_ui.names import area_names, category_name, category_names
from crime_ui.outage import nothing_yet
from streamlit.delta_generator import DeltaGenerator

MOST_LINKED = 8  # unusual places with a line and links of their own
REPORT_FIELDS = {  # of an address, which Predict alone has
    *("date", "time", "system", "premise", "weapon", "mo", "nibrs-premise", "nibrs-weapon", "circumstances"),
    *("reported", "district", "lat", "lon"),
}


def page() -> None:
    follow_shared_report()
    st.title(_("This week"))
    try:
        whole = cached.compstat("week", 0, "all")
    except Refused as refusal:  # everything else works
        nothing = _("**There is nothing on this week yet.** {reason}").format(reason=refusal_text(refusal))
        nothing_yet(nothing)
        return
    show_notices(whole)
    show_unusual()
    areas = {area["name"]: int(area["code"]) for area in cached.codes()["area"]}
    period, area, category = choice()
    number_of_area = areas[area] if area else 0
    by_place = cached.compstat(period, None, category or "all")
    by_category = cached.compstat(period, number_of_area, None)
    show_dates(by_place)
    kind = category_name(category)
    left, right = st.tabs(
        [
            _("By area: {category}").format(category=literal(kind)),
            _("By category: {area}").format(area=literal(area or "Los Angeles")),
        ]
    )
    with left:
        show_table(by_place, "place")
    with right:
        show_table(by_category, "category")
    show_links(area, category)
    title = _("A year of weeks: {area}, {category}").format(area=area or "Los Angeles", category=kind.lower())
    st.subheader(literal(title))
    show_weeks(cached.weeks(number_of_area or None, category), title)
    st.info(
        _(
            "**Limits.** Reports are not crimes: what nobody reports is not here, and more police means more reports. "
            "A mark says that a change is more than chance, not why, and not that it will last."
        ),
        icon=":material/balance:",
    )


def show_weeks(weeks: list[Week], title: str) -> None:
    table: dict[str, list[Any]] = {
        _("Week to"): [week["last"] for week in weeks],
        _("Reports"): [week["reports"] for week in weeks],
        _("Expected from"): [week["low95"] for week in weeks],
        _("Expected to"): [week["high95"] for week in weeks],
    }
    show(forecasts.year_of_weeks(weeks), "weeks", title, table)
    st.caption(
        _(
            "Line: reports known by now. Band: the 95 % range that a forecast had given before, of what would be known "
            "by now; in red, weeks outside it. One week in twenty is outside by chance."
        )
    )


def follow_shared_report() -> None:
    """Go on to Predict if the address has a report's fields, as addresses shared from an earlier first page have."""
    fields = {key: st.query_params.get_all(key) for key in st.query_params}
    if REPORT_FIELDS & fields.keys() or any("(" in area for area in fields.get("area", ())):  # as Hollywood (6)
        st.switch_page("views/predict.py", query_params=fields)


def show_notices(whole: Compstat) -> None:
    """Whether the reports are simulated, old, or a draw."""
    if whole["simulated"]:
        st.warning(_("**Simulated.** These are a simulated city's reports, not real ones."))
    if whole.get("warning"):
        st.error(
            _("**This is not the present week:** {reason}. `crime retrain` brings newer reports.").format(
                reason=refusal_text(whole["warning"])
            ),
            icon=":material/hourglass_disabled:",
        )
    if (share := whole.get("share", 1)) < 1:
        st.info(
            _(
                "**A random draw.** Counts here are of 1 in {parts} of LAPD's reports, as drawn, not scaled. Changes "
                "are those of these counts. So few tell only large changes: no mark is no all-clear."
            ).format(parts=number(1 / share)),
            icon=":material/filter_1:",
        )


def choice() -> tuple[Period, str | None, str | None]:
    """The period, the area's name and the category, as chosen; None: all."""
    left, middle, right = st.columns([3, 2, 2])
    periods: dict[Period, str] = {
        "week": _("7 days"),
        "four_weeks": _("28 days"),
        "year_to_date": _("Year to date"),
    }
    period = address.switch(left, _("Period"), "period", periods, "week")
    area = address.area(middle, _("The whole city"))
    category = address.pick(right, _("Category"), "category", category_names(), placeholder=_("All seven"))
    return period, area, category


def show_dates(compared: Compstat) -> None:
    st.caption(
        _(
            "**Now**: {now}. **Before**: {before}. **A year before**: {year_before}. Counts include the reports that "
            "are still to come, with the 95 % range of what they may be. A change is marked ▲ or ▼ where it is more "
            "than chance over all areas and categories; the range beside it holds the true change 95 times in 100."
        ).format(now=days(compared["now"]), before=days(compared["before"]), year_before=days(compared["year_before"]))
    )


def days(span: Span) -> str:
    """A span's days in words."""
    first, last = (long_day(datetime.date.fromisoformat(span[end])) for end in ("first", "last"))
    text = _("{first} to {last}") if span["days"] else _("{first} to {last} (not in the table)")
    return text.format(first=first, last=last)


def show_table(compared: Compstat, by: Literal["place", "category"]) -> None:
    """A row for each place, or for each category."""
    if not compared["rows"]:
        st.info(_("The table does not cover this period."), icon=":material/event_busy:")
        return
    rows = [table_row(row, by) for row in compared["rows"]]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height=35 * (len(rows) + 1) + 3, key=f"by-{by}")


def table_row(row: Compared, by: Literal["place", "category"]) -> dict[str, str]:
    heading, name = (_("Area"), row["place"]) if by == "place" else (_("Category"), category_name(row["category"]))
    return {
        heading: name,
        _("Now"): count_text(row["now"]),
        _("Change"): change_text(row["to_before"]),
        _("Before"): count_text(row["before"]),
        _("Change in a year"): change_text(row["to_year_before"]),
        _("A year before"): count_text(row["year_before"]),
    }


def count_text(count: Counted | None) -> str:
    """A corrected count, with its range where reports are still to come."""
    if count is None:
        return "–"
    low, high = round(count["low"]), round(count["high"])
    corrected = number(count["corrected"])
    if low == high:
        return corrected
    return _("{count} ({low} to {high})").format(count=corrected, low=number(low), high=number(high))


def change_text(change: Change | None) -> str:
    """A change in percent with its interval, and a mark where it is more than chance."""
    if change is None:
        return "–"
    low = as_change(change["low"] or 0)
    if change["ratio"] is None:  # to no report
        text = _("from none ({low} or more)").format(low=low) if change["low"] else _("none in either")
    elif change["high"] is None:
        text = _("{change} ({low} or more)").format(change=as_change(change["ratio"]), low=low)
    else:
        text = _("{change} ({low} to {high})").format(
            change=as_change(change["ratio"]), low=low, high=as_change(change["high"])
        )
    rises = change["ratio"] is None or change["ratio"] > 1
    return f"{'▲' if rises else '▼'} {text}" if change["marked"] else text


def as_change(ratio: float) -> str:
    """A ratio as a change: 1.2 is +20 %, and from trebling on 3.4 is × 3.4."""
    return f"× {number(ratio, 1)}" if ratio >= 3 else f"{round(100 * (ratio - 1)):+d} %"


def show_unusual() -> None:
    """Alarms with links, and what is outside its range as chance would have it."""
    unusual = cached.unusual()
    alarms = [place for place in unusual["places"] if place["alarm"]]
    others = [place for place in unusual["places"] if not place["alarm"]]
    st.subheader(_("Unusual now"))
    if not alarms:
        st.success(
            _(
                "Nothing is outside what was expected by more than chance: {count} areas, districts and categories "
                "were compared with their forecast of two weeks ago."
            ).format(count=number(unusual["looked_at"])),
            icon=":material/check_circle:",
        )
    for place in alarms[:MOST_LINKED]:
        left, middle, right = st.columns([8, 1, 1], vertical_alignment="center")
        left.markdown(f"**{literal(unusual_title(place))}**: {literal(unusual_text(place))}")
        link(middle, "forecast", _("Map"), place)
        link(right, "explore", _("Hours"), place)
    rest = alarms[MOST_LINKED:] + others
    if rest:
        title = _("{count} more outside their 95 % range; up to {by_chance} are so by chance alone").format(
            count=number(len(rest)), by_chance=number(0.05 * unusual["looked_at"])
        )
        with st.expander(title):
            st.dataframe(
                pd.DataFrame({_("What"): unusual_title(place), _("How"): unusual_text(place)} for place in rest),
                hide_index=True,
            )


def unusual_title(place: UnusualPlace) -> str:
    where = place["place"]
    if place["kind"] == "district":
        where = f"{where}, {area_names().get(place['area'], '')}"
    return f"{where}, {category_name(place['category']).lower()}" if place["category"] else where


def unusual_text(place: UnusualPlace) -> str:
    if place["reports"] > place["expected"]:
        text = _(
            "{reports} reports in the last {days} days, more than the {expected} expected to be known by now "
            "({low} to {high})"
        )
    else:
        text = _(
            "{reports} reports in the last {days} days, fewer than the {expected} expected to be known by now "
            "({low} to {high})"
        )
    return text.format(
        reports=number(place["reports"]),
        days=place["days"],
        expected=number(place["expected"]),
        low=number(place["low95"]),
        high=number(place["high95"]),
    )


def link(column: DeltaGenerator, view: str, label: str, place: UnusualPlace) -> None:
    parameters = view_parameters(area_names().get(place["area"]), place["category"])
    if place["kind"] == "district" and view == "forecast":
        parameters["by"] = "district"
    column.page_link(f"views/{view}.py", label=label, query_params=parameters)


def show_links(area: str | None, category: str | None) -> None:
    """To the map of what is expected, and to the hours."""
    left, right, _rest = st.columns([2, 2, 3])
    for column, view, label, icon in (
        (left, "forecast", _("What to expect, on the map"), ":material/event_upcoming:"),
        (right, "explore", _("Where, and at what hours"), ":material/map:"),
    ):
        column.page_link(f"views/{view}.py", label=label, icon=icon, query_params=view_parameters(area, category))


def view_parameters(area: str | None, category: str | None) -> dict[str, str]:
    """The address of a view's filters. An empty area is the whole city, also if another was chosen before."""
    return {"area": area or ""} | ({"category": category} if category else {})


page()
