"""A whole table of reports in, the same table with predictions out."""

import io
from dataclasses import dataclass

import pandas as pd
import streamlit as st
from crime_ui import uploads
from crime_ui.charts import histograms
from crime_ui.charts.shown import CONFIG
from crime_ui.client import predictions
from crime_ui.client.transport import Refused
from streamlit.runtime.uploaded_file_manager import UploadedFile

SHOWN_ROWS = 500
DATE_ORDERS = {"as the rows tell": None, "day first": True, "month first": False}
ANSWER_COLUMNS = ["label_name", "probability", "level"]


@dataclass(frozen=True)
class ScoredTable:
    """A scored table: `accepted` rows have a prediction, `rejected` ones a reason in the column `error`."""

    accepted: pd.DataFrame
    rejected: pd.DataFrame

    @classmethod
    def from_csv(cls, content: bytes) -> "ScoredTable":
        table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
        return cls(table[table["error"] == ""], table[table["error"] != ""])

    @property
    def rows(self) -> int:
        return len(self.accepted) + len(self.rejected)

    def rejection_reasons(self) -> pd.DataFrame:
        """Columns `reason` and `rows`, the most frequent first."""
        return self.rejected["error"].value_counts().rename_axis("reason").reset_index(name="rows")

    def by_category(self) -> dict[str, int]:
        """Accepted rows by predicted category, the most frequent first."""
        return {str(name): int(rows) for name, rows in self.accepted["label_name"].value_counts().items()}


def page() -> None:
    st.title("A table of reports")
    st.caption(
        "A table as LAPD's portal gives it: CSV (gzip and zip too), a workbook, Parquet, Feather or JSON. Every row "
        "comes back with the prediction's columns added, or with the reason why it can't be read. Only DATE OCC, "
        "TIME OCC and AREA are needed."
    )
    file = st.file_uploader("Table", type=uploads.ENDINGS, key="table")
    order = st.segmented_control(
        "Dates such as 01/02/2020",
        list(DATE_ORDERS),
        default="as the rows tell",
        required=True,
        key="dates",
        help="Rows such as 23/02/2020 tell whether the day or the month comes first. Choose it where none does.",
    )
    if file is None:
        return
    try:
        scored = score_once(file, DATE_ORDERS[order])
    except (Refused, uploads.UnreadableTable) as refusal:
        st.error(str(refusal), icon=":material/error:")
        return
    if scored.unread:
        st.warning(f"Columns that were not read: {', '.join(scored.unread)}", icon=":material/view_column:")
    show_table(ScoredTable.from_csv(scored.content), scored.content, file.name)


def score_once(file: UploadedFile, day_first: bool | None) -> predictions.ScoredCsv:
    """The scored file, kept in the session so that a rerun does not send it again."""
    if st.session_state.get("scored_file") != (file.file_id, day_first):
        with st.spinner("Scoring"):
            st.session_state.scored = predictions.score_table(uploads.as_csv(file), file.name, day_first)
        st.session_state.scored_file = (file.file_id, day_first)
    scored: predictions.ScoredCsv = st.session_state.scored
    return scored


def show_table(table: ScoredTable, content: bytes, name: str) -> None:
    left, middle, right = st.columns(3)
    left.metric("Rows", f"{table.rows:,}", border=True)
    middle.metric("Scored", f"{len(table.accepted):,}", border=True)
    right.metric("Could not be read", f"{len(table.rejected):,}", border=True)
    st.download_button(
        "Download the result",
        content,
        f"{name.split('.')[0]}-predictions.csv",
        "text/csv",
        icon=":material/download:",
        type="primary",
        on_click="ignore",
    )
    if len(table.rejected):
        st.subheader("Could not be read")
        st.dataframe(table.rejection_reasons(), hide_index=True)
        st.dataframe(_first_rows(table.rejected, ["error"]), hide_index=True)
    if len(table.accepted):
        st.subheader("Scored")
        st.plotly_chart(histograms.bars(table.by_category(), horizontal=True), config=CONFIG)
        st.dataframe(_first_rows(table.accepted, ANSWER_COLUMNS), hide_index=True)
        if len(table.accepted) > SHOWN_ROWS:
            st.caption(f"The first {SHOWN_ROWS} rows; the download has all {table.rows:,}.")


def _first_rows(table: pd.DataFrame, leading: list[str]) -> pd.DataFrame:
    """The first `SHOWN_ROWS` rows, with the leading columns in front."""
    return table.iloc[:SHOWN_ROWS][[*leading, *(column for column in table.columns if column not in leading)]]


page()
