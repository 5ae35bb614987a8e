"""Hooks of schemathesis: tables to send, and what the OpenAPI document can't say.

Schemathesis loads this module by `SCHEMATHESIS_HOOKS`; it knows the document alone.
"""

import io
import re
from datetime import date
from typing import Any

import pyarrow as pa
import schemathesis
from hypothesis import strategies as st
from schemathesis import HookContext, Response
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.openapi.checks import RejectedPositiveData

# A request that the document allows may be refused with these messages alone: JSON schema can't say so.
REFUSED = {
    "Date Rptd: expected a date not before DATE OCC": "one field of a report is compared with another",
    r"expected columns of one length, found": "lists have to be of one length",
    r"expected \d+ cells in row \d+, found": "lists have to be of one length",
    r"expected shape \[\d+\] or \[\d+, 1\] and as many values": "a number has to be the length of lists",
    r"[\d,]+ rows in one request: at most": "the limit is a setting",
    "may be an hour or minutes after midnight": "a table is refused if its times may be hours",
    "columns: expected a JSON object": "a parameter is JSON within text",
    "(day_first|columns): expected with a CSV table": "a parameter depends on the body's type",
    "file: no column '": "which columns a table needs follows from the question, and from the names it gives them",
    r"no report could be read of \d+ rows": "a table is refused if none of its rows can be read",
    "places of sexual crimes are told no finer than their area": "one parameter of a query is compared with another",
    "on: expected a day from .* the forecast covers": "the days follow from the model",
    "code: expected a crime code of (legacy|nibrs)": "the codes follow from the system",
    "(first|last): expected a day as 2020-01-31": "a month has not always 31 days",
}

# A request that it does not allow may be accepted if the answer says this.
ACCEPTED = {
    "not read in a report by": "which fields are read follows from the report's other fields",
    r"[\d,]+ rows in one request: at most": "it is refused, with 413, before it is read",
}

days = st.dates(min_value=date(1900, 1, 1)).map(lambda day: day.isoformat())


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[str]]:
    """Columns of reports, some of which can't be read: those have an error in the answer."""
    rows = draw(st.integers(1, 3))

    def column(cells: st.SearchStrategy[str]) -> list[str]:
        return draw(st.lists(cells, min_size=rows, max_size=rows))

    text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
    area = st.integers(0, 22).map(str)
    return {"DATE OCC": column(days | text), "TIME OCC": column(text), "AREA": column(area), "Premis Cd": column(text)}


def csv_bytes(table: dict[str, list[str]]) -> bytes:
    lines = [list(table), *zip(*table.values(), strict=True)]
    return "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines).encode()


def arrow_bytes(table: dict[str, list[str]]) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, (data := pa.table(table)).schema) as writer:
        writer.write_table(data)
    return out.getvalue()


schemathesis.openapi.media_type("text/csv", tables().map(csv_bytes))
schemathesis.openapi.media_type("application/vnd.apache.arrow.stream", tables().map(arrow_bytes))


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Any, response: Response) -> bool:
    """Whether a failure counts."""
    reasons: dict[str, str] = {}
    if isinstance(failure, RejectedPositiveData):
        reasons = REFUSED
    elif isinstance(failure, AcceptedNegativeData):
        reasons = ACCEPTED
    return not any(re.search(message, response.text) for message in reasons)
