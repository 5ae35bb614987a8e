"""Which records of a table look as if another crime code were right, and what was decided about them."""

import datetime
from dataclasses import dataclass

import pandas as pd
import streamlit as st
from crime_ui import address, kept, sign_in, uploads
from crime_ui.client import reviews
from crime_ui.client.answers import ReportSystem
from crime_ui.client.reviews import CrimeCode, Decided, Doubted, Judgement, Review
from crime_ui.client.transport import Refused
from crime_ui.conversion import UnreadableTable
from crime_ui.language import _, long_day, ngettext, number, percent
from crime_ui.literal import literal, refusal_text
from crime_ui.unreadable import tell_unreadable
from streamlit.runtime.uploaded_file_manager import UploadedFile

TOP = 300  # records that are ranked on the page
Decisions = dict[tuple[str, ReportSystem, str], Decided]  # by `key_of`
KEPT = "reviewed table"  # in the session, which outlives a page


@dataclass(frozen=True)
class ReviewedTable:
    """A review, with the name of its file and what it was asked for."""

    name: str
    asked: tuple[str, bool | None]
    review: Review


def page() -> None:
    st.title(_("Which records look miscoded?"))
    st.caption(
        _(
            "Upload a table of reports with their crime codes. The model reads the other fields of each record and "
            "says what they speak for. A doubt is no finding: it says which records a person should read first."
        )
    )
    sign_in.need("analyst")
    reviewed = reviewed_table()
    if reviewed is None:
        show_decisions()
        return
    show_summary(reviewed)
    try:
        decided: Decisions = {(one["number"], one["system"], one["code"]): one for one in reviews.decisions()}
    except Refused as refusal:
        st.warning(
            _("Decisions can't be read now: {reason}").format(reason=refusal_text(refusal)), icon=":material/cloud_off:"
        )
        decided = {}
    shown = filtered(reviewed.review["records"], decided)
    if not shown:
        st.info(_("No record matches these filters."), icon=":material/filter_alt_off:")
    else:
        record = show_records(shown, decided)
        if record:
            show_record(record, decided.get(key_of(record)))
    show_decisions()


def reviewed_table() -> ReviewedTable | None:
    """The review of the uploaded table, or the one that the session keeps."""
    file = st.file_uploader(_("Table"), type=uploads.ENDINGS, key="review-file")
    orders = {
        "rows": _("as the rows tell"),
        "day": _("day first"),
        "month": _("month first"),
    }
    order = address.switch(st, _("Dates such as 01/02/2020"), "dates", orders, "rows")
    table: ReviewedTable | None = kept.find(KEPT)
    if file is None:
        return table
    day_first = {"rows": None, "day": True, "month": False}[order]
    asked = (file.file_id, day_first)
    if table is None or table.asked != asked:
        review = run_review(file, day_first)
        if review is None:
            return None
        table = ReviewedTable(file.name, asked, review)
        kept.keep(KEPT, table)
    return table


def run_review(file: UploadedFile, day_first: bool | None) -> Review | None:
    """The review of a file; None if it can't be reviewed, which the page says."""
    try:
        waiting = st.spinner(_("Reading and ranking {name}").format(name=literal(file.name)))
        with waiting, file:  # the file then holds its content no longer
            return reviews.review_table(uploads.as_csv(file), TOP, day_first)
    except (Refused, UnreadableTable) as refusal:
        st.error(refusal_text(refusal), icon=":material/error:")
        return None


def show_summary(reviewed: ReviewedTable) -> None:
    """What was read, and how many of the first records to expect to be wrong."""
    review = reviewed.review
    st.subheader(literal(reviewed.name))
    left, middle, right = st.columns(3)
    left.metric(_("Records reviewed"), number(review["reviewed"]), border=True)
    others = review["rows"] - review["reviewed"]
    middle.metric(_("Could not be reviewed"), number(others), border=True)
    right.metric(_("Model version"), literal(review["model_version"]), border=True)
    for why, rows in sorted(review["rejected"].items(), key=lambda item: -item[1])[:5]:
        text = ngettext("{count} row: {reason}", "{count} rows: {reason}", rows)
        st.caption(text.format(count=number(rows), reason=literal(why)))
    if review["unknown_code"]:
        text = ngettext(
            "{count} row has a crime code that the model never met.",
            "{count} rows have crime codes that the model never met.",
            review["unknown_code"],
        )
        st.caption(text.format(count=number(review["unknown_code"])))
    if review["seen"]:
        st.warning(
            _(
                "{count} of these records are not newer than {day}, the end of the model's training. If it learnt from "
                "them, it doubts them too little. `crime review` judges such a table by models that did not."
            ).format(count=number(review["seen"]), day=long_day(datetime.date.fromisoformat(review["trained_until"]))),
            icon=":material/history:",
        )
    st.dataframe(
        pd.DataFrame(
            {
                _("Of the first"): number(depth["records"]),
                _("are wrong, if 1 % of all codes are"): _range_text(depth["wrong_if_1_percent"]),
                _("are wrong at most"): number(depth["wrong_at_most"][1]),
            }
            for depth in review["expected"]
        ),
        hide_index=True,
        width="content",
    )
    st.caption(_("From errors that were planted to measure this: if real ones are like them."))


def _range_text(counts: tuple[float, float]) -> str:
    low, high = (number(count) for count in counts)
    return low if low == high else _("{low} to {high}").format(low=low, high=high)


def filtered(records: list[Doubted], decided: Decisions) -> list[Doubted]:
    """The records that the filters leave."""
    left, middle, right = st.columns(3)
    kinds = {kind: _(kind).capitalize() for kind in sorted({record["kind"] for record in records})}
    kind = address.pick(left, _("Kind of doubt"), "kind", kinds, placeholder=_("All kinds"))
    area = address.area(middle, _("The whole city"))
    states = {
        "open": _("Not decided"),
        "wrong": _("Wrong"),
        "right": _("Right"),
        "unsure": _("Unsure"),
    }
    state = address.pick(right, _("Decision"), "decision", states, placeholder=_("All"))

    def is_shown(record: Doubted) -> bool:
        decision = decided.get(key_of(record))
        return (
            (kind is None or record["kind"] == kind)
            and (area is None or record["area"] == area)
            and (state is None or (decision["judgement"] if decision else "open") == state)
        )

    return list(filter(is_shown, records))


def key_of(record: Doubted) -> tuple[str, ReportSystem, str]:
    """By what a record's decisions are found."""
    return record["number"], record["recorded"]["system"], record["recorded"]["code"]


def show_records(records: list[Doubted], decided: Decisions) -> Doubted | None:
    """A table of records, and the one that is selected in it."""
    table = pd.DataFrame(
        {
            _("Rank"): record["rank"],
            _("Report"): record["number"] or _("row {row}").format(row=record["row"]),
            _("Date"): record["date"],
            _("Area"): record["area"],
            _("Kind of doubt"): _(record["kind"]),
            _("Decision"): _(decided[key_of(record)]["judgement"]) if key_of(record) in decided else "",
            _("Recorded"): code_text(record["recorded"]),
            _("Fields speak for"): likelier_text(record),
        }
        for record in records
    )
    st.caption(_("Select a row to read why, and to decide."))
    event = st.dataframe(table, hide_index=True, on_select="rerun", selection_mode="single-row", key="records")
    selected: list[int] = event["selection"]["rows"]
    st.download_button(
        _("Download these records"),
        table.to_csv(index=False),
        "doubtful-records.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    return records[selected[0]] if selected and selected[0] < len(records) else None


def code_text(code: CrimeCode) -> str:
    return f"{code['code']} {code['name'].capitalize()}"


def likelier_text(record: Doubted) -> str:
    """The likeliest code but the recorded one, with its probability."""
    others = [code for code in record["likelier"] if code["code"] != record["recorded"]["code"]]
    return f"{code_text(others[0])}, {percent(others[0]['probability'])}" if others else ""


def show_record(record: Doubted, decision: Decided | None) -> None:
    """What speaks against a record's code, and a form to decide."""
    st.subheader(_("Report {number}").format(number=literal(record["number"] or record["row"])))
    st.markdown(
        _("Recorded as **{code}**, which the fields give {probability}. They speak for:").format(
            code=literal(code_text(record["recorded"])), probability=percent(record["own_probability"], 1)
        )
        + "".join(f"\n- {literal(code_text(code))}: {percent(code['probability'], 1)}" for code in record["likelier"])
    )
    if record["reasons"]:
        st.markdown(_("What speaks for it: {reasons}").format(reasons=literal(record["reasons"])))
    if decision:
        found = literal(_(decision["judgement"]))
        if decision["right_code"]:
            found = _("{judgement}, right is {code}").format(judgement=found, code=literal(decision["right_code"]))
        decided = _("{by} decided: {judgement}. {note}")
        st.info(decided.format(by=literal(decision["by"]), judgement=found, note=literal(decision["note"])))
    if not record["number"]:
        st.info(_("The record has no report number, so no decision about it can be kept."))
        return
    with st.form(f"decide-{record['row']}"):
        decide_form(record)


def decide_form(record: Doubted) -> None:
    texts: dict[Judgement, str] = {
        "wrong": _("The code is wrong"),
        "right": _("The code is right"),
        "unsure": _("Can't be told"),
    }
    judgement = st.radio(_("Decision"), list(texts), None, format_func=lambda key: texts[key], horizontal=True)
    right_code = st.text_input(_("Right code, if found"), max_chars=20)
    note = st.text_input(_("Note"), max_chars=1000)
    by = sign_in.name() or st.text_input(_("Who decides"), max_chars=200, key="review-by")
    if not st.form_submit_button(_("Keep"), type="primary"):
        return
    if judgement is None or not by.strip():
        st.error(_("Choose a decision, and say who decides: both are kept."))
        return
    try:
        reviews.decide(record, judgement, right_code.strip() or None, note, by.strip())
    except Refused as refusal:
        st.error(refusal_text(refusal), icon=":material/error:")
        return
    st.rerun()


def show_decisions() -> None:
    """Every decision that is kept, to download."""
    try:
        content, unreadable = reviews.decisions_csv()
    except Refused:
        return
    tell_unreadable(unreadable)
    if content.count(b"\n") <= 1:
        return
    st.download_button(
        _("Download all decisions"), content, "decisions.csv", "text/csv", icon=":material/gavel:", on_click="ignore"
    )
    st.caption(
        _("`crime retrain --decisions` trains with them: a record found wrong takes its right code, or is left out.")
    )


page()
