"""The page of whole tables."""

import pandas as pd
from recorded import OpenView, RecordedBackend, figures, recorded
from streamlit.testing.v1 import AppTest


def upload(view: AppTest) -> AppTest:
    view.file_uploader[0].set_value(("reports.csv", recorded("table.csv").encode(), "text/csv"))
    return view.run()


def test_a_table_is_scored_and_rows_that_cannot_be_read_say_why(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("batch")
    assert not view.metric
    upload(view)
    assert not view.exception
    assert {metric.label: metric.value for metric in view.metric} == {
        "Rows": "8",
        "Scored": "6",
        "Could not be read": "2",
    }
    reasons, rejected, accepted = (frame.value for frame in view.dataframe)
    assert sorted(reasons["reason"]) == [
        "AREA: expected an area number from 1 to 21",
        "TIME OCC: expected a 24-hour time from 0000 to 2359",
    ]
    assert list(reasons["rows"]) == [1, 1]
    assert rejected.columns[0] == "error"
    assert len(rejected) == 2
    assert list(accepted.columns[:3]) == ["label_name", "probability", "level"]
    (counts,) = (figure["data"][0] for figure in figures(view).values())
    assert sum(counts["x"]) == 6
    assert view.get("download_button")[0].proto.label == "Download the result"


def test_a_rerun_does_not_send_the_table_again(backend: RecordedBackend, open_view: OpenView) -> None:
    view = upload(open_view("batch"))
    view.run()
    assert view.metric[0].value == "8"
    assert len(backend.received("POST", "/predict/batch")) == 1


def test_a_file_that_is_no_table_of_reports(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("POST", "/predict/batch", recorded("table_refused"), 422)
    view = upload(open_view("batch"))
    assert view.error[0].value.startswith("file: not an LAPD table: no column 'DATE OCC', 'TIME OCC', 'AREA'")
    assert not view.metric


def test_of_a_large_table_the_first_rows_are_shown(backend: RecordedBackend, open_view: OpenView) -> None:
    header, *rows = recorded("table_scored.csv").splitlines()
    accepted = next(row for row in rows if row.endswith(",") and "report" in row)
    text = "\n".join([header, *[accepted] * 600])
    backend.replace("POST", "/predict/batch", text, content_type="text/csv")
    view = upload(open_view("batch"))
    table = view.dataframe[0].value
    assert isinstance(table, pd.DataFrame)
    assert len(table) == 500
    assert view.caption[-1].value == "The first 500 rows; the download has all 600."
    assert [subheader.value for subheader in view.subheader] == ["Scored"]
