"""Where and when reports are expected in the next four weeks, and how the forecast before did."""

import datetime

import pandas as pd
import streamlit as st
from crime_ui import backend, charts

PLAIN = {"displayModeBar": False}
SHIFTS = {None: "Whole day", 0: "00 to 08", 1: "08 to 16", 2: "16 to 24"}
KINDS = {"area": "Areas", "district": "Districts"}
TOP = 15

st.title("What to expect")
try:
    covered = backend.hotspots(top=1)
except backend.WrongInput as wrong:  # there is no forecast: everything else works
    st.info(f"**There is no forecast yet.** `crime forecast` makes one. ({wrong})", icon=":material/event_busy:")
    st.stop()
first, last = (datetime.date.fromisoformat(covered[name]) for name in ("first", "last"))
if covered["simulated"]:
    st.warning("**Simulated.** This forecast rests on a simulated city's reports, not on real ones.")
st.caption(
    f"Reports expected from {first} to {last}, made at the end of {covered['made_at']} from what had been reported by "
    "then. Four times in five the number that comes lies in the 80 % range."
)

categories = backend.model()["serving"]["categories"]
areas = {code["name"]: int(code["code"]) for code in backend.codes()["area"]}
one, two, three, four = st.columns([2, 3, 2, 2])
day = one.date_input("Day", first, min_value=first, max_value=last, key="day", bind="query-params")
shift = two.segmented_control(
    "Shift", list(SHIFTS)[1:], format_func=lambda at: SHIFTS[at], key="shift", bind="query-params", help="None: all day"
)
category = three.selectbox(
    "Category",
    categories,
    index=None,
    format_func=lambda key: categories[key].capitalize(),
    key="kind-of-report",
    bind="query-params",
    placeholder="All seven",
)
by = four.segmented_control(
    "Places", KINDS, format_func=lambda kind: KINDS[kind], default="area", required=True, key="by", bind="query-params"
)
cut = {"shift": shift, "category": category}
found = backend.hotspots(on=str(day), by=by, top=2000, **cut)["places"]
by_area = found if by == "area" else backend.hotspots(on=str(day), by="area", top=21, **cut)["places"]
names = {number: name for name, number in areas.items()}

left, right = st.columns([6, 5], gap="large")
with left:
    st.subheader(f"Expected on {day:%A, %d %B %Y}")
    figure = charts.area_map({str(place["id"]): place["mean"] for place in by_area}, "{:.2f} reports expected")
    if by == "district":
        figure = charts.with_districts(figure, found)
    st.plotly_chart(figure, key="map", config=PLAIN)
with right:
    st.subheader("Where most are expected")
    st.dataframe(
        pd.DataFrame(
            {
                "Place": place["name"] if by == "area" else f"{place['name']}, {names.get(place['area'], '')}",
                "Expected": place["mean"],
                "80 %": f"{place['low80']:.0f} to {place['high80']:.0f}",
                "95 %": f"{place['low95']:.0f} to {place['high95']:.0f}",
            }
            for place in found[:TOP]
        ),
        hide_index=True,
        height=35 * (min(TOP, len(found)) + 1) + 3,
        column_config={"Expected": st.column_config.NumberColumn(format="%.2f")},
    )

where = st.selectbox("Area", areas, index=None, key="forecast-area", bind="query-params", placeholder="The whole city")
chosen = areas[where] if where else None
line = backend.forecast(area=chosen, **cut)
st.subheader(f"{line['place']}: the next four weeks")
st.plotly_chart(charts.fan(line["recent"][-56:], line["days"]), key="fan", config=PLAIN)
st.caption(
    f"{line['total']:,.0f} reports expected in all. Line: expected; bands: 80 % and 95 %; before it, what was known."
)
if line["before"]:
    held = sum(day["low80"] <= day["reports"] <= day["high80"] for day in line["before"])
    st.subheader("How the forecast before did")
    st.plotly_chart(charts.fan(line["before"], line["before"], "reported"), key="before", config=PLAIN)
    expected, came = (sum(day[name] for day in line["before"]) for name in ("mean", "reports"))
    st.caption(
        f"Made four weeks and more before: {expected:,.0f} expected, {came:,.0f} reported; {held} of "
        f"{len(line['before'])} days in their 80 % range."
    )
st.info(
    "**Limits.** Reports are not crimes: what nobody reports is not here, and more police means more reports, so a "
    "forecast that sends police where reports were can feed on itself. It counts reports of places; no individual is "
    "scored, and none may be by it. A range is for planning shifts, not for suspecting anybody.",
    icon=":material/balance:",
)
