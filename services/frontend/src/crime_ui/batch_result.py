"""What the page shows of a scored table: a summary, accuracy where the table has crime codes, and its rows."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import pandas as pd
import streamlit as st

from crime_ui import address, kept, limits
from crime_ui.charts import histograms, scores, shown
from crime_ui.client import cached
from crime_ui.client.answers import DetailLevel
from crime_ui.language import _, long_day, ngettext, number, percent
from crime_ui.literal import file_name, refusal_text
from crime_ui.scored_table import SURENESS, Order, ScoredTable, TopRows

Table = Mapping[str, Sequence[Any]]  # a column by heading
REASONS = 50  # shown, the most frequent
LEADING = ("label_name", "probability", "recorded_name", "level", "warnings", "date_read", "repaired")


def show(table: ScoredTable, name: str) -> None:
    """`name`: of the file."""
    repaired = _(
        "Rows with a cell that is not in the usual form, as 502.0 for the code 502, and was read all the same."
    )
    warned = _("Rows with an unknown code, a district of another area, or a day that the model did not learn.")
    with st.container(horizontal=True):
        st.metric(_("Rows read"), number(table.rows), border=True)
        st.metric(_("Scored"), number(table.scored_rows), border=True)
        st.metric(_("Rejected"), number(table.rejected_rows), border=True)
        st.metric(_("Repaired"), number(table.repaired_rows), border=True, help=repaired)
        st.metric(_("With a warning"), number(table.warned_rows), border=True, help=warned)
    if table.ended:
        message = _("The table could be read to row {row} only: {reason}")
        st.error(message.format(row=number(table.rows), reason=refusal_text(table.ended)), icon=":material/error:")
    _show_notes(table)
    if table.scored_rows:
        _show_answers(table)
    st.download_button(
        _("Download the result"),
        lambda: kept.for_download(table.content, table.download_bytes),
        f"{file_name(name)}-predictions.csv{'.gz' if table.is_large else ''}",
        "application/gzip" if table.is_large else "text/csv",
        icon=":material/download:",
        type="primary",
        on_click="ignore",
    )
    if table.compared:
        _show_accuracy(table)
    _show_rows(table)


def _show_notes(table: ScoredTable) -> None:
    """Why rows were rejected, repaired and warned of, with how many."""
    rejected: Table = {_("Reason"): list(table.rejected), _("Rows"): list(table.rejected.values())}
    repaired: Table = {_("Repair"): list(table.repaired), _("Rows"): list(table.repaired.values())}
    about = [about for about, _rows in table.warned.most_common(REASONS)]
    warned: Table = {
        _("About"): about,
        _("Rows"): [table.warned[key] for key in about],
        _("For example"): [table.example_warning[key] for key in about],
    }
    if table.rejected:
        st.subheader(_("Why rows were rejected"))
        _frame(rejected)
    for title, notes in ((_("What was repaired"), repaired), (_("What the warnings are about"), warned)):
        if notes[_("Rows")]:
            with st.expander(title):
                _frame(notes)


def _frame(columns: Table) -> None:
    frame = pd.DataFrame(columns).sort_values(_("Rows"), ascending=False, kind="stable")
    st.dataframe(frame.head(REASONS), hide_index=True)


def _show_answers(table: ScoredTable) -> None:
    """Scored rows by category, by how sure the answer is, and by what was known of them."""
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(_("Categories"))
        counts = {_(name).capitalize(): rows for name, rows in table.by_category.most_common()}
        _bars(counts, "batch-categories", _("Scored rows by category"), _("Category"))
    with right:
        st.subheader(_("How sure"))
        bounds = [0.0, *SURENESS, 1.0]
        names = [_("{low} to {high}").format(low=percent(low), high=percent(high)) for low, high in pairwise(bounds)]
        names[0] = _("below {bound}").format(bound=percent(SURENESS[0]))
        sureness = {name: table.by_sureness[group] for group, name in reversed(list(enumerate(names)))}
        _bars(sureness, "batch-sureness", _("Scored rows by the probability of their answer"), _("Probability"))
    st.markdown(
        _("What was known of the rows: {levels}.").format(
            levels=", ".join(
                f"{_level_names()[level]} {number(table.by_level[level])}"
                for level in _level_names()
                if table.by_level[level]
            )
        )
    )


def _level_names() -> dict[DetailLevel, str]:
    return {
        "place_time": _("place and time"),
        "premise": _("place, time and premise"),
        "weapon": _("place, time, premise and weapon"),
        "report": _("the whole report"),
    }


def _bars(counts: dict[str, int], key: str, name: str, heading: str) -> None:
    numbers: Table = {heading: list(counts), _("Rows"): list(counts.values())}
    shown.show(histograms.bars(counts, horizontal=True), key, name, numbers)


def _show_accuracy(table: ScoredTable) -> None:
    """How often the predicted category is that of the row's own crime code."""
    st.subheader(_("Beside the table's own crime codes"))
    data = cached.category_model()["serving"]["data"]
    (rows, right), (learnt, _learnt_right), (fresh, fresh_right) = (
        table.accuracy(),
        table.accuracy(learnt=True),
        table.accuracy(learnt=False),
    )
    share = _("The share of rows of which the category of the crime code is the predicted one.")
    fresh_accuracy = percent(fresh_right / fresh, 1) if fresh else "–"
    with st.container(horizontal=True):
        st.metric(_("Accuracy, all rows with a code"), percent(right / rows, 1), border=True, help=share)
        st.metric(_("Accuracy, days before or after training"), fresh_accuracy, border=True)
        st.metric(_("Rows with a crime code"), number(rows), border=True)
    if learnt:
        st.warning(
            ngettext(
                "{count} of these rows is of the days of training, {first} to {last}. The model may have learnt from "
                "that very report, which flatters the accuracy.",
                "{count} of these rows are of the days of training, {first} to {last}. The model may have learnt from "
                "those very reports, which flatters the accuracy.",
                learnt,
            ).format(count=number(learnt), first=_day(data["from"]), last=_day(data["until"])),
            icon=":material/school:",
        )
    only_fresh = bool(fresh and learnt) and st.toggle(
        _("Only days that the model was not trained on"), value=True, key="only-fresh"
    )
    _show_confusion(table, only_fresh)


def _day(text: str) -> str:
    return long_day(date.fromisoformat(text))


def _show_confusion(table: ScoredTable, only_fresh: bool) -> None:
    categories = list(cached.category_model()["serving"]["categories"].values())
    counts = [
        [
            table.compared[own, predicted, False] + (0 if only_fresh else table.compared[own, predicted, True])
            for predicted in categories
        ]
        for own in categories
    ]
    names = [_(category).capitalize() for category in categories]
    cells = [(own, predicted, rows) for own, row in zip(names, counts, strict=True)
             for predicted, rows in zip(names, row, strict=True)]  # fmt: skip
    shown.show(
        scores.confusion(counts, names),
        "batch-confusion",
        _("Rows by the category of their own code and the predicted one"),
        {
            _("Own code's category"): [own for own, _predicted, _rows in cells],
            _("Predicted"): [predicted for _own, predicted, _rows in cells],
            _("Rows"): [rows for _own, _predicted, rows in cells],
        },
    )


def _show_rows(table: ScoredTable) -> None:
    """Rows in the chosen order, and the rejected ones."""
    orders: dict[Order, str] = {
        "unsure": _("Least sure first"),
        "differs": _("Another category than its code's"),
        "warned": _("With a warning"),
        "file": _("As in the file"),
        "sure": _("Surest first"),
    }
    st.subheader(_("Rows"))
    filled = {order: text for order, text in orders.items() if table.top[order]}
    if filled:
        order = address.switch(st, _("Order"), "order", filled, next(iter(filled)))
        _show_top(table, table.top[order], LEADING)
    if table.rejected:
        st.subheader(_("Rejected rows"))
        _show_top(table, table.top_rejected, ("error",))
    if table.rows > limits.TOP_ROWS:
        text = _("Up to {shown} rows are shown; the download has all {rows}. A click on a column's name sorts by it.")
        st.caption(text.format(shown=number(limits.TOP_ROWS), rows=number(table.rows)))


def _show_top(table: ScoredTable, top: TopRows, leading: tuple[str, ...]) -> None:
    """The leading columns of those that the backend added, then the table's own."""
    rows = top.rows()
    positions = {name: len(table.names) + position for position, name in enumerate(table.added)}
    columns: dict[str, Sequence[str | float]] = {_("Row"): [number for number, _cells in rows]}
    for name in leading:
        if name in positions:
            texts = [cells[positions[name]] for _number, cells in rows]
            if any(texts):
                columns[name] = [_shown(name, text) for text in texts]
    for position, name in enumerate(table.names):
        columns[name if name and name not in columns else f"{name} ({position + 1})"] = [
            cells[position] for _number, cells in rows
        ]
    st.dataframe(pd.DataFrame(columns), hide_index=True, column_config=_column_names())


def _shown(name: str, text: str) -> str | float:
    """A cell of a column that the backend adds."""
    if name == "probability":
        return float(text)
    if name == "level":
        return {str(level): shown for level, shown in _level_names().items()}.get(text, text)
    return _(text).capitalize() if text and name in ("label_name", "recorded_name") else text


def _column_names() -> dict[str, Any]:
    """What the columns are called that the backend adds."""
    return {
        "label_name": _("Predicted"),
        "probability": st.column_config.ProgressColumn(_("Sure"), format="percent", min_value=0, max_value=1),
        "recorded_name": _("Own code's category"),
        "level": _("Known"),
        "warnings": _("Warnings"),
        "repaired": _("Repaired"),
        "date_read": _("Day as read"),
        "error": _("Why rejected"),
    }
