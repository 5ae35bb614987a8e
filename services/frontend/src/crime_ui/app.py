"""The analyst's page: navigation between the views, and what every view shows."""

from pathlib import Path

import streamlit as st

from crime_ui.client import cached
from crime_ui.outage import outage_message

HERE = Path(__file__).parent
VIEWS = HERE / "views"  # not "pages": Streamlit would serve a folder of that name without this file

st.set_page_config(page_title="Crime prediction", page_icon=str(HERE / "icon.svg"), layout="wide")
st.html("<style>.block-container {padding-top: 4.5rem; max-width: 1240px}</style>")
page = st.navigation(
    [
        st.Page(VIEWS / "week.py", title="This week", icon=":material/calendar_view_week:", default=True),
        st.Page(VIEWS / "predict.py", title="Predict", icon=":material/insights:"),
        st.Page(VIEWS / "forecast.py", title="Forecast", icon=":material/event_upcoming:"),
        st.Page(VIEWS / "explore.py", title="Explore", icon=":material/map:"),
        st.Page(VIEWS / "batch.py", title="Batch", icon=":material/table_view:"),
        st.Page(VIEWS / "model.py", title="Model", icon=":material/model_training:"),
        st.Page(VIEWS / "models.py", title="Models", icon=":material/inventory_2:"),
        st.Page(VIEWS / "monitoring.py", title="Monitoring", icon=":material/monitoring:"),
    ],
    position="top",
)
with outage_message():
    if cached.category_model()["serving"]["data"].get("simulated"):
        st.warning("**Simulated.** The model that answers was trained on a simulated city's reports, not on real ones.")
    page.run()
    footer = []
    if age := cached.data_age():
        days = f"{age['days_behind']:,} day{'' if age['days_behind'] == 1 else 's'}"
        footer.append(f"Newest report {age['until']}, {days} behind (usual: about {age['usual']})")
    if release := cached.release():
        footer.append(f"Crime prediction {release}")
    if footer:
        st.caption(" · ".join(footer), text_alignment="right")
