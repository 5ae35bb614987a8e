"""The analyst's page: navigation between the views, and what every view shows."""

import datetime
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from crime_ui import address, browser, language, sign_in
from crime_ui.client import cached
from crime_ui.language import _, long_day, ngettext, number
from crime_ui.literal import literal
from crime_ui.outage import outage_message

HERE = Path(__file__).parent
VIEWS = HERE / "views"  # not "pages": Streamlit would serve a folder of that name without this file


def moved_pages() -> list[st.Page]:
    """Pages of earlier releases that are sections of Models now: their addresses lead there."""

    def lead_to(section: str) -> Callable[[], None]:
        return lambda: st.switch_page(VIEWS / "models.py", query_params={**st.query_params.to_dict(), "show": section})

    sections = {"model": "accuracy", "monitoring": "running"}
    return [
        st.Page(lead_to(section), title=_("Models"), url_path=path, visibility="hidden")
        for path, section in sections.items()
    ]


st.set_page_config(page_title=_("Crime prediction"), page_icon=str(HERE / "icon.svg"), layout="wide")
browser.prepare()
page = st.navigation(
    [
        st.Page(VIEWS / "week.py", title=_("This week"), icon=":material/calendar_view_week:", default=True),
        st.Page(VIEWS / "predict.py", title=_("Predict"), icon=":material/insights:"),
        st.Page(VIEWS / "forecast.py", title=_("Forecast"), icon=":material/event_upcoming:"),
        st.Page(VIEWS / "explore.py", title=_("Explore"), icon=":material/map:"),
        st.Page(VIEWS / "batch.py", title=_("Batch"), icon=":material/table_view:"),
        st.Page(VIEWS / "review.py", title=_("Review"), icon=":material/fact_check:"),
        st.Page(VIEWS / "models.py", title=_("Models"), icon=":material/model_training:"),
        *moved_pages(),
    ],
    position="top" if sign_in.is_done() else "hidden",
)
address.open_page(page.url_path)
with outage_message():
    sign_in.require()
    if cached.category_model()["serving"]["data"].get("simulated"):
        st.warning(
            _("**Simulated.** The model that answers was trained on a simulated city's reports, not on real ones."),
            icon=":material/science:",
        )
    page.run()
    footer = []
    if age := cached.data_age():
        behind = ngettext("{count} day behind", "{count} days behind", age["days_behind"])
        footer.append(
            _("Newest report {until}, {behind} (usual: about {usual})").format(
                until=long_day(datetime.date.fromisoformat(age["until"])),
                behind=behind.format(count=number(age["days_behind"])),
                usual=literal(age["usual"]),
            )
        )
    if release := cached.release():
        footer.append(_("Crime prediction {release}").format(release=literal(release)))
    left, right = st.columns([1, 4])
    with left:
        language.offer()
        sign_in.show()
    right.caption(" · ".join(footer), text_alignment="right")
