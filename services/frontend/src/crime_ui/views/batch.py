"""A whole table of reports in, the same table with predictions out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import IO, Literal

import streamlit as st
from crime_ui import batch_result, column_mapping, kept, sign_in, uploads
from crime_ui.client import cached, predictions
from crime_ui.client.answers_tables import FoundColumn
from crime_ui.client.transport import Refused
from crime_ui.column_mapping import ColumnMapping
from crime_ui.conversion import UnreadableTable
from crime_ui.language import _, long_day, number
from crime_ui.literal import literal, refusal_text
from crime_ui.scored_table import ScoredTable
from streamlit.runtime.uploaded_file_manager import UploadedFile

EXAMPLE = Path(batch_result.__file__).parent / "example.csv"
DateOrder = Literal["day", "month"]
MOST_NAMES = 50  # of columns that were not read
OUTCOME, DATES = "outcome of the last upload", "dates"  # in the session, which outlives a page


@dataclass(frozen=True)
class Outcome:
    """What became of an upload: a scored table, or a refusal.

    `file_id`: Streamlit's, of this upload. `order` and `mapping`: how it was to be read. `columns`: the file's, as far
    as they are known. `unread`: names of its columns that no report has.
    """

    file_id: str
    name: str
    order: DateOrder | None
    mapping: ColumnMapping
    columns: list[FoundColumn]
    scored: ScoredTable | None = None
    unread: Sequence[str] = ()
    refused: Refused | None = None


def page() -> None:
    st.title(_("A table of reports"))
    st.caption(
        _(
            "CSV, also packed with gzip or zip; Excel and OpenDocument workbooks; Parquet, Feather and Arrow streams; "
            "JSON as the portal, pandas and polars write it, JSON lines and GeoJSON. Every row comes back with its "
            "prediction, or with the reason why it can't be read. Day, time and area are needed; columns may have "
            "other names than LAPD's. Uploads do not count in monitoring."
        )
    )
    sign_in.need("analyst")
    file = st.file_uploader(_("Table"), type=uploads.ENDINGS, key="table", on_change=_forget_order)
    st.download_button(
        _("Download an example"),
        EXAMPLE.read_bytes(),
        "example.csv",
        "text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )
    if file is None:
        outcome: Outcome | None = kept.find(OUTCOME)
        if outcome and outcome.scored:
            show_scored(outcome, outcome.scored, is_here=False)
        return
    try:
        with file:  # which then holds its content no longer
            outcome = outcome_of(file)
    except UnreadableTable as unreadable:
        st.error(refusal_text(unreadable), icon=":material/error:")
        return
    if outcome.scored:
        show_scored(outcome, outcome.scored, is_here=True)
    elif outcome.refused:
        show_refusal(outcome, outcome.refused)


def _forget_order() -> None:
    """The order of dates is chosen for one file."""
    st.session_state.pop(DATES, None)


def outcome_of(file: UploadedFile) -> Outcome:
    """The outcome is kept in the session, so that a rerun does not send the file again. The next one replaces it."""
    last: Outcome | None = kept.find(OUTCOME)
    order: DateOrder | None = st.session_state.get(DATES)
    columns = last.columns if last and last.file_id == file.file_id else None
    mapping = column_mapping.mapping_of(columns or [])
    if last and last.file_id == file.file_id and (last.order, last.mapping) == (order, mapping):
        return last
    with st.spinner(_("Reading the file")):
        table = uploads.as_csv(file)
    if columns is None:
        columns = column_mapping.mapped_columns_of(table)
        mapping = column_mapping.mapping_of(columns)
    outcome = Outcome(file.file_id, file.name, order, mapping, columns)
    try:
        scored, unread = _score(table, outcome)
        examples = (example[: column_mapping.EXAMPLE_CHARACTERS] for example in scored.examples())
        found = [FoundColumn(name=name, example=example) for name, example in zip(scored.names, examples, strict=True)]
        outcome = replace(outcome, columns=found, scored=scored, unread=unread)
    except Refused as refused:
        found = next((problem["columns"] for problem in refused.problems if problem.get("columns")), columns)
        outcome = replace(outcome, columns=found, refused=refused)
    kept.keep(OUTCOME, outcome, outcome.scored.disk_bytes if outcome.scored else 0)
    if outcome.refused and column_mapping.mapping_of(outcome.columns) != mapping:  # of a zip, whose header is not seen
        return outcome_of(file)
    return outcome


def _score(table: IO[bytes], outcome: Outcome) -> tuple[ScoredTable, list[str]]:
    """Score a CSV file, and show how far it is."""
    data = cached.category_model()["serving"]["data"]
    expected = uploads.count_rows(table)
    place = st.empty()

    def show_progress(rows: int) -> None:
        if expected:
            text = _("{rows} of about {all} rows scored").format(rows=number(rows), all=number(expected))
            place.progress(min(rows / expected, 1.0), text)
        else:
            place.info(_("{rows} rows scored").format(rows=number(rows)), icon=":material/hourglass_top:")

    def read(pieces: Iterator[bytes]) -> ScoredTable:
        show_progress(0)
        return ScoredTable.read(pieces, (data["from"], data["until"]), show_progress)

    day_first = None if outcome.order is None else outcome.order == "day"
    try:
        return predictions.score_table(table, outcome.name, read, day_first, outcome.mapping)
    finally:
        place.empty()


def show_scored(outcome: Outcome, scored: ScoredTable, is_here: bool) -> None:
    """`is_here`: the file itself is still on the page, and can be read otherwise."""
    st.subheader(literal(outcome.name))
    kept = _("Scored at {time} UTC, {day}. Kept while this browser tab is open, until the next upload.")
    st.caption(kept.format(time=scored.at.strftime("%H:%M"), day=long_day(scored.at)))
    if outcome.unread:
        names = ", ".join(map(literal, outcome.unread[:MOST_NAMES]))
        st.warning(_("Columns that were not read: {names}").format(names=names), icon=":material/view_column:")
    if is_here:
        with st.expander(_("How it was read: days and columns"), icon=":material/tune:"):
            if scored.days:
                first, last = (long_day(date.fromisoformat(day)) for day in scored.days)
                st.markdown(_("Days from {first} to {last}.").format(first=first, last=last))
            _ask_order()
            if outcome.mapping:
                st.markdown(column_mapping.describe(outcome.mapping))
            column_mapping.ask(outcome.columns, f"columns-{outcome.file_id}")
    elif outcome.mapping:
        st.caption(column_mapping.describe(outcome.mapping))
    batch_result.show(scored, outcome.name)


def show_refusal(outcome: Outcome, refused: Refused) -> None:
    """Why the table was refused, and what the analyst can choose so that it is read."""
    kinds = {problem["type"]: problem for problem in refused.problems}
    if problem := kinds.get("date_order"):
        text = _("Dates such as **{date}** may have the day or the month first, and the rows do not tell which.")
        st.warning(text.format(date=literal(problem["value"])), icon=":material/calendar_month:")
        _ask_order()
    elif "columns" in kinds:
        text = _("The columns of day, time and area have other names here than in LAPD's tables.")
        st.warning(text, icon=":material/view_column:")
    else:
        st.error(refusal_text(refused), icon=":material/error:")
        if outcome.order:
            _ask_order()
    if "columns" in kinds or outcome.mapping:
        column_mapping.ask(outcome.columns, f"columns-{outcome.file_id}")


def _ask_order() -> None:
    names: dict[DateOrder, str] = {"day": _("Day first"), "month": _("Month first")}
    st.segmented_control(
        _("Dates such as 01/02/2020"),
        list(names),
        format_func=lambda order: names[order],
        key=DATES,
        help=_("With none chosen, the rows tell: 23/02/2020 has the day first."),
    )


page()
