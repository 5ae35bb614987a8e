"""Where and when reports were, by category."""

import streamlit as st
from crime_ui import backend, charts

PLAIN = {"displayModeBar": False}

everything = backend.reports()
serving = backend.model()["serving"]
months, categories = list(everything["by_month"]), serving["categories"]
areas = {code["name"]: code["code"] for code in backend.codes()["area"]}

st.title("Where and when")
st.caption(
    f"{everything['total']:,} reports from {serving['data']['from']} to {serving['data']['until']}: those the model "
    "was trained and tested on. Reports are not crimes: what nobody reports is not here."
)
left, middle, right = st.columns(3)
chosen_areas = left.multiselect("Areas", areas, key="areas", bind="query-params", placeholder="All 21")
chosen = middle.multiselect(
    "Categories",
    categories,
    format_func=lambda key: categories[key].capitalize(),
    key="categories",
    bind="query-params",
    placeholder="All seven",
)
if len(months) > 1:
    first, last = right.select_slider("Months", months, (months[0], months[-1]), key="months", bind="query-params")
else:
    first = last = months[0]

found = backend.reports(area=[areas[name] for name in chosen_areas], category=chosen, first=first, last=last)
if not found["total"]:
    st.info("No report matches these filters.", icon=":material/filter_alt_off:")
    st.stop()

top, busiest = max(found["by_category"].items(), key=lambda item: item[1]), found["by_area"]
where = max(busiest, key=lambda area: busiest[area])
one, two, three = st.columns(3)
one.metric("Reports", f"{found['total']:,}", border=True)
two.metric("Most frequent", f"{top[0].capitalize()}, {top[1] / found['total']:.0%}", border=True)
three.metric("Busiest area", next(name for name, code in areas.items() if code == where), border=True)

left, right = st.columns([6, 5], gap="large")
with left:
    st.subheader("By area")
    st.plotly_chart(charts.area_map(found["by_area"]), key="map", config=PLAIN)
with right:
    st.subheader("By category")
    by_category = dict(sorted(found["by_category"].items(), key=lambda item: -item[1]))
    st.plotly_chart(charts.bars(by_category, horizontal=True), key="by-category", config=PLAIN)
    st.subheader("By month")
    shown = {month: count for month, count in found["by_month"].items() if first <= month <= last}
    st.plotly_chart(charts.bars(shown), key="by-month", config=PLAIN)
st.subheader("By weekday and hour")
st.plotly_chart(charts.weekday_hour(found["by_weekday_hour"]), key="by-hour", config=PLAIN)
