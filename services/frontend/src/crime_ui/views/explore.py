"""Where and when reports were, by category."""

import streamlit as st
from crime_ui.charts import histograms, maps
from crime_ui.charts.shown import CONFIG
from crime_ui.client import cached
from crime_ui.client.answers import ReportCounts
from crime_ui.client.reports import ReportFilters


def page() -> None:
    total = cached.report_counts({})
    data = cached.category_model()["serving"]["data"]
    st.title("Where and when")
    st.caption(
        f"{total['total']:,} reports from {data['from']} to {data['until']}: those the model was trained and tested "
        "on. Reports are not crimes: what nobody reports is not here."
    )
    if (share := data.get("share", 1)) < 1:
        st.info(
            f"**A random draw.** These are 1 in {1 / share:,.0f} of LAPD's reports of that time, about "
            f"{total['total'] / share:,.0f} in all. Counts are of the draw: compare shares, not numbers of the city.",
            icon=":material/filter_1:",
        )
    areas = {area["name"]: area["code"] for area in cached.codes()["area"]}
    filters = filter_form(areas, list(total["by_month"]))
    counts = cached.report_counts(filters)
    if not counts["total"]:
        st.info("No report matches these filters.", icon=":material/filter_alt_off:")
        return
    show_counts(counts, {code: name for name, code in areas.items()}, filters)


def filter_form(areas: dict[str, str], months: list[str]) -> ReportFilters:
    """The filters as chosen; `areas`: number by name."""
    categories = cached.category_model()["serving"]["categories"]
    left, middle, right = st.columns(3)
    chosen_areas = left.multiselect("Areas", areas, key="areas", bind="query-params", placeholder="All 21")
    chosen_categories = middle.multiselect(
        "Categories",
        categories,
        format_func=lambda key: categories[key].capitalize(),
        key="categories",
        bind="query-params",
        placeholder="All seven",
    )
    first = last = months[0]
    if len(months) > 1:
        first, last = right.select_slider("Months", months, (months[0], months[-1]), key="months", bind="query-params")
    return {"area": [areas[name] for name in chosen_areas], "category": chosen_categories, "first": first, "last": last}


def show_counts(counts: ReportCounts, area_names: dict[str, str], filters: ReportFilters) -> None:
    by_category = dict(sorted(counts["by_category"].items(), key=lambda item: -item[1]))
    category, reports = next(iter(by_category.items()))
    busiest = max(counts["by_area"], key=lambda area: counts["by_area"][area])
    left, middle, right = st.columns(3)
    left.metric("Reports", f"{counts['total']:,}", border=True)
    middle.metric("Most frequent", f"{category.capitalize()}, {reports / counts['total']:.0%}", border=True)
    right.metric("Busiest area", area_names[busiest], border=True)

    left, right = st.columns([6, 5], gap="large")
    with left:
        st.subheader("By area")
        st.plotly_chart(maps.area_map(counts["by_area"]), key="map", config=CONFIG)
    with right:
        st.subheader("By category")
        st.plotly_chart(histograms.bars(by_category, horizontal=True), key="by-category", config=CONFIG)
        st.subheader("By month")
        by_month = {
            month: reports
            for month, reports in counts["by_month"].items()
            if filters["first"] <= month <= filters["last"]
        }
        st.plotly_chart(histograms.bars(by_month), key="by-month", config=CONFIG)
        if complete_until := counts.get("complete_until"):
            st.caption(f"After {complete_until} LAPD's areas moved to NIBRS: later reports are in another table.")
    st.subheader("By weekday and hour")
    st.plotly_chart(histograms.weekday_hour(counts["by_weekday_hour"]), key="by-hour", config=CONFIG)


page()
