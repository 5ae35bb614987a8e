"""A page as a briefing: what its print leaves out, and how it fits on paper."""

import streamlit as st

# On paper the page is as wide as on a screen, and smaller: figures keep the size they were drawn in, and none is cut.
# It is black on white, also if the screen's is dark. What has the key `screen-...` is for the screen alone, `paper-...`
# for paper alone.
_STYLE = """<style>
[class*="st-key-paper-"] {display: none}
@media print {
  @page {size: A4; margin: 12mm}
  header, footer, [data-testid="stHeader"], [data-testid="stToolbar"], [data-testid="stStatusWidget"],
  [data-testid="stElementToolbar"], [class*="st-key-screen-"], [class*="st-key-open-"], [class*="st-key-language-"],
  .modebar-container {display: none !important}
  [class*="st-key-paper-"] {display: block}
  html, body, #root, .stApp, [data-testid="stAppViewContainer"], [data-testid="stMain"] {
    position: static !important; height: auto !important; overflow: visible !important; background: white !important;
    color: black !important}
  .block-container {width: 1240px !important; max-width: none !important; padding: 0 !important; zoom: 0.56}
  .stApp :is(p, h1, h2, h3, td, th, label, [data-testid="stMetricValue"], [data-testid="stMetricDelta"]) {
    color: black !important}
  .stAlert > div, [data-testid="stMetricDelta"] {background: transparent !important; border: 1px solid #888}
  .js-plotly-plot .main-svg {background: transparent !important}
  .js-plotly-plot .bg {fill: white !important}
  .js-plotly-plot text {fill: black !important}
  [data-testid="stHorizontalBlock"] {flex-wrap: nowrap !important}
  [data-testid="stColumn"] {min-width: 0 !important}
  h2, h3 {break-after: avoid}
  .stPlotlyChart, .stAlert, [data-testid="stTable"] tr {break-inside: avoid}
}
</style>"""


def print_styles() -> None:
    st.html(_STYLE, width="content")
