"""The page of doubted records."""

from recorded import OpenView, RecordedBackend, recorded
from streamlit.testing.v1 import AppTest


def upload(view: AppTest) -> AppTest:
    view.file_uploader[0].set_value(("reports.csv", b"DATE OCC,TIME OCC,AREA,Crm Cd\n", "text/csv"))
    return view.run()


def test_doubtful_records_are_listed_with_what_is_to_be_expected(backend: RecordedBackend, open_view: OpenView) -> None:
    view = upload(open_view("review"))
    assert not view.exception
    answer = recorded("review")
    assert view.metric[0].value == f"{answer['reviewed']:,}"
    expected, records = (frame.value for frame in view.dataframe)
    assert list(expected["Of the first"]) == [str(depth["records"]) for depth in answer["expected"]]
    assert list(records["Rank"]) == [record["rank"] for record in answer["records"]]
    first = answer["records"][0]
    assert records["Recorded"][0].startswith(first["recorded"]["code"])
    assert records["Fields speak for"][0].startswith(first["likelier"][0]["code"])
    assert records["Decision"][1] == "right"
    assert f"{answer['seen']:,} of these records are not newer than 26 February 2025" in view.warning[0].value


def test_filters_leave_what_is_not_decided(backend: RecordedBackend, open_view: OpenView) -> None:
    view = upload(open_view("review", decision="open"))
    ranks = list(view.dataframe[-1].value["Rank"])
    assert 2 not in ranks
    assert len(ranks) == len(recorded("review")["records"]) - 1


def test_leaving_the_page_keeps_the_review(backend: RecordedBackend, open_view: OpenView) -> None:
    view = upload(open_view("review"))
    view.file_uploader[0].set_value(None)
    view.run()
    assert view.metric[0].value == f"{recorded('review')['reviewed']:,}"
    assert len(backend.received("POST", "/review")) == 1


def test_a_table_that_can_not_be_reviewed_says_why(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("POST", "/review", {"detail": "file: no column 'Crm Cd'"}, status=422)
    view = upload(open_view("review"))
    assert "no column 'Crm Cd'" in view.error[0].value
    assert not view.metric


def test_decisions_that_can_not_be_read_are_told(backend: RecordedBackend, open_view: OpenView) -> None:
    table = recorded("review_decisions.csv")
    backend.replace("GET", "/review/decisions.csv", table, content_type="text/csv", Unreadable_Entries="1")
    view = upload(open_view("review"))
    told = "1 entry of the record can't be read and is left out: the backend's log names it."
    assert view.warning[-1].value == told


def test_records_are_shown_while_decisions_can_not_be_read(backend: RecordedBackend, open_view: OpenView) -> None:
    for path in ("/review/decisions", "/review/decisions.csv"):
        backend.replace("GET", path, {"detail": "the registry can't be reached"}, status=503)
    view = upload(open_view("review"))
    assert "the registry can't be reached" in view.warning[-1].value
    assert len(view.dataframe[-1].value) == len(recorded("review")["records"])
