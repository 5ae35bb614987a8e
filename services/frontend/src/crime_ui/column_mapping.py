"""Which of a table's columns are which of LAPD's, as the analyst says, remembered for tables with the same columns."""

from collections.abc import Mapping, Sequence
from typing import IO

import streamlit as st

from crime_ui import uploads
from crime_ui.client import cached
from crime_ui.client.answers_tables import FoundColumn, TableColumn
from crime_ui.language import _
from crime_ui.literal import literal

ColumnMapping = dict[str, str]  # the table's own names of columns, by LAPD's
_REMEMBERED = "column mappings"  # in the session, by the names of a table's columns
EXAMPLE_CHARACTERS = 40
FIELDS_A_LINE = 3
MOST_REMEMBERED = 10  # mappings of a session


def mapped_columns_of(file: IO[bytes]) -> list[FoundColumn]:
    """The columns of a CSV file, if a mapping is remembered of tables with the same ones."""
    names = next((names for names in _mappings() if uploads.has_header(file, names)), ())
    return [FoundColumn(name=name, example="") for name in names]


def mapping_of(found: Sequence[FoundColumn]) -> ColumnMapping:
    """The mapping of tables with these columns; empty if there is none."""
    return _mappings().get(tuple(column["name"] for column in found), {})


def ask(found: Sequence[FoundColumn], key: str) -> None:
    """A form that asks which column is which. The answer is remembered, and the page runs again with it."""
    known, columns = mapping_of(found), cached.table_columns()
    needed = [column for column in columns if column["required"]]
    others = [column for column in columns if not column["required"]]
    with st.form(key):
        st.markdown(_("Which of the file's columns is which? One may hold both the day and the time."))
        chosen = _ask_columns(needed, found, known, key)
        with st.expander(_("More columns; each makes the answers surer"), icon=":material/add:"):
            chosen |= _ask_columns(others, found, known, key)
        if not st.form_submit_button(_("Read these columns"), type="primary", icon=":material/table_view:"):
            return
    missing = [_label(column) for column in needed if column["name"] not in chosen]
    if missing:
        st.error(_("Still to choose: {columns}.").format(columns=", ".join(missing)), icon=":material/view_column:")
        return
    mappings = _mappings()
    mappings[tuple(column["name"] for column in found)] = chosen
    while len(mappings) > MOST_REMEMBERED:
        del mappings[next(iter(mappings))]
    st.rerun()


def describe(mapping: Mapping[str, str]) -> str:
    """A sentence on the columns that have other names than LAPD's."""
    pairs = ", ".join(f"{literal(own)} → {literal(name)}" for name, own in mapping.items() if own != name)
    return _("Columns as chosen: {pairs}. The choice holds for tables with the same columns.").format(pairs=pairs)


def _mappings() -> dict[tuple[str, ...], ColumnMapping]:
    mappings: dict[tuple[str, ...], ColumnMapping] = st.session_state.setdefault(_REMEMBERED, {})
    return mappings


def _ask_columns(
    columns: Sequence[TableColumn], found: Sequence[FoundColumn], known: Mapping[str, str], key: str
) -> ColumnMapping:
    """A select box for each of LAPD's columns; those of the same name are chosen already."""
    examples = {column["name"]: column["example"] for column in found if column["name"].strip()}
    own_names = list(examples)
    by_spelling = {name.casefold().strip(): name for name in reversed(own_names)}

    def with_example(name: str) -> str:
        return f"{name}: {examples[name][:EXAMPLE_CHARACTERS]}" if examples[name] else name

    chosen: ColumnMapping = {}
    for start in range(0, len(columns), FIELDS_A_LINE):
        line = columns[start : start + FIELDS_A_LINE]
        for column, where in zip(line, st.columns(FIELDS_A_LINE), strict=False):
            own = known.get(column["name"], by_spelling.get(column["name"].casefold()))
            choice = where.selectbox(
                _label(column),
                own_names,
                index=own_names.index(own) if own in own_names else None,
                placeholder=_("None of them"),
                format_func=with_example,
                key=f"{key}-{column['name']}",
            )
            if choice:
                chosen[column["name"]] = choice
    return chosen


def _label(column: TableColumn) -> str:
    about = _(column["about"])
    return literal(f"{about[:1].upper()}{about[1:]} ({column['name']})")
