"""Where and when reports are expected in the next four weeks, and how the previous forecast did."""

import datetime

import pandas as pd
import streamlit as st
from crime_ui.charts import forecasts, maps
from crime_ui.charts.shown import CONFIG
from crime_ui.client import cached
from crime_ui.client.answers import Hotspots, Place, PlaceForecast, PlaceKind
from crime_ui.client.forecasts import Cut
from crime_ui.client.transport import Refused

SHIFTS = {0: "00 to 08", 1: "08 to 16", 2: "16 to 24"}
PLACE_KINDS: dict[PlaceKind, str] = {"area": "Areas", "district": "Districts"}
AREA_ONLY_CATEGORIES = ("sexual",)
RANKED_PLACES = 15
ALL_AREAS, ALL_DISTRICTS = 21, 2000  # at most, for the API's `top`
RECENT_DAYS = 56


def page() -> None:
    st.title("What to expect")
    try:
        covered = cached.hotspots(1, "district", cut=Cut())
    except Refused as refusal:  # everything but the forecast works
        st.info(f"**There is no forecast yet.** `crime forecast` makes one. ({refusal})", icon=":material/event_busy:")
        return
    if covered["simulated"]:
        st.warning("**Simulated.** This forecast rests on a simulated city's reports, not on real ones.")
    if covered.get("warning"):
        st.error(
            f"**This forecast is old:** {covered['warning']}. `crime retrain` makes a new one.",
            icon=":material/hourglass_disabled:",
        )
    if (share := covered.get("share", 1)) < 1:
        st.info(
            f"**Scaled from a random draw.** It was made from 1 in {1 / share:,.0f} of LAPD's reports. What is "
            "expected is of all of them, and the ranges are wider for what the draw leaves unknown. Past days are not "
            "shown: the draw has too few reports of a day.",
            icon=":material/zoom_in:",
        )
    st.caption(
        f"Reports expected from {covered['first']} to {covered['last']}, made at the end of {covered['made_at']} from "
        "what had been reported by then. Four times in five the number that comes lies in the 80 % range."
    )
    day, by, cut = cut_form(covered)
    show_places(day, by, cut)
    area_numbers = {area["name"]: int(area["code"]) for area in cached.codes()["area"]}
    area = st.selectbox(
        "Area", area_numbers, index=None, key="forecast-area", bind="query-params", placeholder="The whole city"
    )
    show_days(cached.place_forecast(area_numbers[area] if area else None, cut))
    st.info(
        "**Limits.** Reports are not crimes: what nobody reports is not here, and more police means more reports, so a "
        "forecast that sends police where reports were can feed on itself. It counts reports of places; no individual "
        "is scored, and none may be scored by it. A range is for planning shifts, not for suspecting anybody.",
        icon=":material/balance:",
    )


def cut_form(covered: Hotspots) -> tuple[datetime.date, PlaceKind, Cut]:
    """The day, the kind of place, and the part of the reports, as chosen."""
    categories = cached.category_model()["serving"]["categories"]
    first, last = datetime.date.fromisoformat(covered["first"]), datetime.date.fromisoformat(covered["last"])
    columns = st.columns([2, 3, 2, 2])
    day = columns[0].date_input("Day", first, min_value=first, max_value=last, key="day", bind="query-params")
    shift = columns[1].segmented_control(
        "Shift",
        list(SHIFTS),
        format_func=lambda shift: SHIFTS[shift],
        key="shift",
        bind="query-params",
        help="None: all day",
    )
    category = columns[2].selectbox(
        "Category",
        categories,
        index=None,
        format_func=lambda key: categories[key].capitalize(),
        key="kind-of-report",
        bind="query-params",
        placeholder="All seven",
    )
    # the API tells places of sexual crimes no finer than their area
    kinds: list[PlaceKind] = ["area"] if category in AREA_ONLY_CATEGORIES else list(PLACE_KINDS)
    by = columns[3].segmented_control(
        "Places",
        kinds,
        format_func=lambda kind: PLACE_KINDS[kind],
        default="area",
        required=True,
        key="by",
        bind="query-params",
    )
    return day, by, Cut(shift, category)


def show_places(day: datetime.date, by: PlaceKind, cut: Cut) -> None:
    """A map of the areas, with the districts on it if chosen, and the places where most is expected."""
    areas = cached.hotspots(ALL_AREAS, "area", str(day), cut=cut)["places"]
    places = areas if by == "area" else cached.hotspots(ALL_DISTRICTS, by, str(day), cut=cut)["places"]
    left, right = st.columns([6, 5], gap="large")
    with left:
        st.subheader(f"Expected on {day:%A, %d %B %Y}")
        figure = maps.area_map({str(area["id"]): area["mean"] for area in areas}, "{:.2f} reports expected")
        if by == "district":
            figure = maps.with_districts(figure, places)
        st.plotly_chart(figure, key="map", config=CONFIG)
    with right:
        st.subheader("Where most are expected")
        ranked = places[:RANKED_PLACES]
        st.dataframe(
            ranking(ranked, by),
            hide_index=True,
            height=35 * (len(ranked) + 1) + 3,
            column_config={"Expected": st.column_config.NumberColumn(format="%.2f")},
        )


def ranking(places: list[Place], by: PlaceKind) -> pd.DataFrame:
    area_names = {int(area["code"]): area["name"] for area in cached.codes()["area"]}
    return pd.DataFrame(
        {
            "Place": place["name"] if by == "area" else f"{place['name']}, {area_names.get(place['area'], '')}",
            "Expected": place["mean"],
            "80 %": f"{place['low80']:.0f} to {place['high80']:.0f}",
            "95 %": f"{place['low95']:.0f} to {place['high95']:.0f}",
        }
        for place in places
    )


def show_days(forecast: PlaceForecast) -> None:
    st.subheader(f"{forecast['place']}: the next four weeks")
    recent = forecast["recent"][-RECENT_DAYS:]
    st.plotly_chart(forecasts.forecast_fan(recent, forecast["days"]), key="fan", config=CONFIG)
    st.caption(
        f"{forecast['total']:,.0f} reports expected in all. Line: expected; bands: 80 % and 95 %."
        + (" Before it, what was known." if recent else "")
    )
    before = forecast["before"]
    if not before:
        return
    st.subheader("How the previous forecast did")
    st.plotly_chart(forecasts.forecast_fan(before, before, "reported"), key="before", config=CONFIG)
    in_range = sum(day["low80"] <= day["reports"] <= day["high80"] for day in before)
    expected, reported = sum(day["mean"] for day in before), sum(day["reports"] for day in before)
    st.caption(
        f"Made at least four weeks before the data end: {expected:,.0f} expected, {reported:,.0f} reported; "
        f"{in_range} of {len(before)} days in their 80 % range."
    )


page()
