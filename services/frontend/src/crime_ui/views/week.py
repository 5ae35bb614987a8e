"""How the latest reports compare with earlier ones and with what was expected, and what is unusual in them."""

import datetime
from typing import Literal

import pandas as pd
import streamlit as st
from crime_ui import charts
from crime_ui.client import cached
from crime_ui.client.answers import Change, Compared, Compstat, Counted, Period, Span, UnusualPlace
from crime_ui.client.transport import Refused
from streamlit.delta_generator import DeltaGenerator

PERIODS: dict[Period, str] = {"week": "7 days", "four_weeks": "28 days", "year_to_date": "Year to date"}
MOST_LINKED = 8  # unusual places with a line and links of their own
CITY = "The whole city"
REPORT_FIELDS = {  # of an address, which Predict alone has
    *("date", "time", "system", "premise", "weapon", "mo", "nibrs-premise", "nibrs-weapon", "circumstances"),
    *("reported", "district", "lat", "lon"),
}


def page() -> None:
    follow_shared_report()
    st.title("This week")
    try:
        whole = cached.compstat("week", 0, "all")
    except Refused as refusal:  # everything else works
        st.info(f"**There is nothing on this week yet.** {refusal}", icon=":material/event_busy:")
        return
    show_notices(whole)
    show_unusual()
    areas = {area["name"]: int(area["code"]) for area in cached.codes()["area"]}
    names = cached.category_model()["serving"]["categories"]
    period, area, category = choice(areas, names)
    number = areas[area] if area else 0
    by_place = cached.compstat(period, None, category or "all")
    by_category = cached.compstat(period, number, None)
    show_dates(by_place)
    kind = names[category].capitalize() if category else "All reports"
    left, right = st.tabs([f"By area: {kind}", f"By category: {area or 'Los Angeles'}"])
    with left:
        show_table(by_place, "place", names)
    with right:
        show_table(by_category, "category", names)
    show_links(area, category)
    st.subheader(f"A year of weeks: {area or 'Los Angeles'}, {kind.lower()}")
    weeks = cached.weeks(number or None, category)
    st.plotly_chart(charts.year_of_weeks(weeks), key="weeks", config=charts.CONFIG)
    st.caption(
        "Line: reports known by now. Band: the 95 % range that a forecast had given before, of what would be known by "
        "now; in red, weeks outside it. One week in twenty is outside by chance."
    )
    st.info(
        "**Limits.** Reports are not crimes: what nobody reports is not here, and more police means more reports. A "
        "mark says that a change is more than chance, not why, and not that it will last.",
        icon=":material/balance:",
    )


def follow_shared_report() -> None:
    """Go on to Predict if the address has a report's fields, as addresses shared from an earlier first page have."""
    fields = {key: st.query_params.get_all(key) for key in st.query_params}
    if REPORT_FIELDS & fields.keys() or any("(" in area for area in fields.get("area", ())):  # as Hollywood (6)
        st.switch_page("views/predict.py", query_params=fields)


def show_notices(whole: Compstat) -> None:
    """Whether the reports are simulated, old, or a draw."""
    if whole["simulated"]:
        st.warning("**Simulated.** These are a simulated city's reports, not real ones.")
    if whole.get("warning"):
        st.error(
            f"**This is not the present week:** {whole['warning']}. `crime retrain` brings newer reports.",
            icon=":material/hourglass_disabled:",
        )
    if (share := whole.get("share", 1)) < 1:
        st.info(
            f"**A random draw.** Counts here are of 1 in {1 / share:,.0f} of LAPD's reports, as drawn, not scaled. "
            "Changes are those of these counts. So few tell only large changes: no mark is no all-clear.",
            icon=":material/filter_1:",
        )


def choice(areas: dict[str, int], names: dict[str, str]) -> tuple[Period, str | None, str | None]:
    """The period, the area's name and the category, as chosen; None: all."""
    left, middle, right = st.columns([3, 2, 2])
    period = left.segmented_control(
        "Period",
        list(PERIODS),
        format_func=lambda period: PERIODS[period],
        default="week",
        required=True,
        key="period",
        bind="query-params",
    )
    area = middle.selectbox("Area", areas, index=None, key="area", bind="query-params", placeholder=CITY)
    category = right.selectbox(
        "Category",
        names,
        index=None,
        format_func=lambda key: names[key].capitalize(),
        key="category",
        bind="query-params",
        placeholder="All seven",
    )
    return period, area, category


def show_dates(compared: Compstat) -> None:
    st.caption(
        f"**Now**: {days(compared['now'])}. **Before**: {days(compared['before'])}. **A year before**: "
        f"{days(compared['year_before'])}. Counts include the reports that are still to come, with the 95 % range of "
        "what they may be. A change is marked ▲ or ▼ where it is more than chance over all areas and categories; the "
        "range beside it holds the true change 95 times in 100."
    )


def days(span: Span) -> str:
    """A span's days in words."""
    first, last = (datetime.date.fromisoformat(span[end]) for end in ("first", "last"))
    text = f"{first:%-d %B %Y} to {last:%-d %B %Y}"
    return text if span["days"] else f"{text} (not in the table)"


def show_table(compared: Compstat, by: Literal["place", "category"], names: dict[str, str]) -> None:
    """A row for each place, or for each category."""
    if not compared["rows"]:
        st.info("The table does not cover this period.", icon=":material/event_busy:")
        return
    rows = [table_row(row, by, names) for row in compared["rows"]]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height=35 * (len(rows) + 1) + 3, key=f"by-{by}")


def table_row(row: Compared, by: Literal["place", "category"], names: dict[str, str]) -> dict[str, str]:
    label = names[row["category"]].capitalize() if row["category"] else "All reports"
    return {
        "Area" if by == "place" else "Category": row["place"] if by == "place" else label,
        "Now": count_text(row["now"]),
        "Change": change_text(row["to_before"]),
        "Before": count_text(row["before"]),
        "Change in a year": change_text(row["to_year_before"]),
        "A year before": count_text(row["year_before"]),
    }


def count_text(count: Counted | None) -> str:
    """A corrected count, with its range where reports are still to come."""
    if count is None:
        return "–"
    low, high = round(count["low"]), round(count["high"])
    return f"{count['corrected']:,.0f}" + ("" if low == high else f" ({low:,} to {high:,})")


def change_text(change: Change | None) -> str:
    """A change in percent with its interval, and a mark where it is more than chance."""
    if change is None:
        return "–"
    low = percent(change["low"] or 0)
    if change["ratio"] is None:  # to no report
        text = f"from none ({low} or more)" if change["low"] else "none in either"
    elif change["high"] is None:
        text = f"{percent(change['ratio'])} ({low} or more)"
    else:
        text = f"{percent(change['ratio'])} ({low} to {percent(change['high'])})"
    rises = change["ratio"] is None or change["ratio"] > 1
    return f"{'▲' if rises else '▼'} {text}" if change["marked"] else text


def percent(ratio: float) -> str:
    """A ratio as a change: 1.2 is +20 %, and from trebling on 3.4 is × 3.4."""
    return f"× {ratio:,.1f}" if ratio >= 3 else f"{round(100 * (ratio - 1)):+d} %"


def show_unusual() -> None:
    """Alarms with links, and what is outside its range as chance would have it."""
    unusual = cached.unusual()
    alarms = [place for place in unusual["places"] if place["alarm"]]
    others = [place for place in unusual["places"] if not place["alarm"]]
    st.subheader("Unusual now")
    if not alarms:
        st.success(
            f"Nothing is outside what was expected by more than chance: {unusual['looked_at']:,} areas, districts and "
            "categories were compared with their forecast of two weeks ago.",
            icon=":material/check_circle:",
        )
    for index, place in enumerate(alarms[:MOST_LINKED]):
        left, middle, right = st.columns([8, 1, 1], vertical_alignment="center")
        left.markdown(f"**{unusual_title(place)}**: {unusual_text(place)}")
        link(middle, "forecast", "Map", place, index)
        link(right, "explore", "Hours", place, index)
    rest = alarms[MOST_LINKED:] + others
    if rest:
        by_chance = 0.05 * unusual["looked_at"]
        with st.expander(f"{len(rest)} more outside their 95 % range; up to {by_chance:,.0f} are so by chance alone"):
            st.dataframe(
                pd.DataFrame({"What": unusual_title(place), "How": unusual_text(place)} for place in rest),
                hide_index=True,
            )


def unusual_title(place: UnusualPlace) -> str:
    names = cached.category_model()["serving"]["categories"]
    area_names = {int(area["code"]): area["name"] for area in cached.codes()["area"]}
    where = place["place"]
    if place["kind"] == "district":
        where = f"{where}, {area_names.get(place['area'], '')}"
    return f"{where}, {names[place['category']]}" if place["category"] else where


def unusual_text(place: UnusualPlace) -> str:
    more = "more" if place["reports"] > place["expected"] else "fewer"
    return (
        f"{place['reports']:,} reports in the last {place['days']} days, {more} than the {place['expected']:,.0f} "
        f"expected to be known by now ({place['low95']:,.0f} to {place['high95']:,.0f})"
    )


def link(column: DeltaGenerator, view: str, label: str, place: UnusualPlace, index: int) -> None:
    area_names = {int(area["code"]): area["name"] for area in cached.codes()["area"]}
    parameters = view_parameters(view, area_names.get(place["area"]), place["category"])
    if place["kind"] == "district" and view == "forecast":
        parameters["by"] = "Districts"
    column.page_link(f"views/{view}.py", label=label, query_params=parameters)


def show_links(area: str | None, category: str | None) -> None:
    """To the map of what is expected, and to the hours."""
    left, right, _ = st.columns([2, 2, 3])
    for column, view, label, icon in (
        (left, "forecast", "What to expect, on the map", ":material/event_upcoming:"),
        (right, "explore", "Where, and at what hours", ":material/map:"),
    ):
        column.page_link(f"views/{view}.py", label=label, icon=icon, query_params=view_parameters(view, area, category))


def view_parameters(view: str, area: str | None, category: str | None) -> dict[str, str]:
    """The address of a view's filters."""
    keys = ("forecast-area", "kind-of-report") if view == "forecast" else ("areas", "categories")
    names = cached.category_model()["serving"]["categories"]
    values = (area, names[category].capitalize() if category else None)
    return {key: value for key, value in zip(keys, values, strict=True) if value}


page()
