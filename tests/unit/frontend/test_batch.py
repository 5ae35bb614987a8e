"""The page of whole tables."""

import csv
import io
import json
from collections.abc import Sequence

from recorded import OpenView, RecordedBackend, figures, recorded
from streamlit.testing.v1 import AppTest

ADDED_FROM = 28  # the table's own columns
BATCH = ("POST", "/predict/batch")


def upload(view: AppTest, content: str = "", name: str = "reports.csv") -> AppTest:
    view.file_uploader[0].set_value((name, (content or recorded("table.csv")).encode(), "text/csv"))
    return view.run()


def scored_rows() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(recorded("table_scored.csv"), newline="")))


def scored_csv(rows: Sequence[dict[str, str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def accepted() -> dict[str, str]:
    return next(row for row in scored_rows() if not row["error"])


def answer(backend: RecordedBackend, rows: Sequence[dict[str, str]]) -> None:
    backend.replace(*BATCH, scored_csv(rows), content_type="text/csv")


def metrics(view: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in view.metric}


def texts(view: AppTest) -> str:
    return "\n".join(element.value for element in [*view.caption, *view.markdown, *view.warning, *view.error])


def test_a_table_is_summarised_with_reasons_for_what_is_rejected(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("batch")
    assert not view.metric
    upload(view)
    assert not view.exception
    shown = metrics(view)
    assert (shown["Rows read"], shown["Scored"], shown["Rejected"]) == ("8", "6", "2")
    assert shown["Repaired"] == str(sum(bool(row["repaired"]) for row in scored_rows()))
    reasons = view.dataframe[0].value
    assert sorted(reasons["Reason"]) == [
        "AREA: expected an area number from 1 to 21",
        "TIME OCC: expected a 24-hour time from 0000 to 2359",
    ]
    assert list(reasons["Rows"]) == [1, 1]
    charts = figures(view)
    assert sum(charts["batch-categories"]["data"][0]["x"]) == 6
    assert sum(charts["batch-sureness"]["data"][0]["x"]) == 6
    assert "What was known of the rows: the whole report 6." in texts(view)
    rejected = view.dataframe[-1].value
    assert list(rejected["error"]) == [row["error"] for row in scored_rows() if row["error"]]


def test_the_least_sure_rows_stand_in_front_and_others_can(backend: RecordedBackend, open_view: OpenView) -> None:
    answer(backend, [accepted() | {"probability": str(share)} for share in (0.9, 0.4, 0.7)])
    view = upload(open_view("batch"))
    table = view.dataframe[-1].value
    assert list(table["probability"]) == [0.4, 0.7, 0.9]
    assert list(table["Row"]) == [2, 3, 1]
    view.segmented_control(key="order").set_value("file").run()
    assert list(view.dataframe[-1].value["Row"]) == [1, 2, 3]


def test_of_a_large_table_the_first_rows_of_an_order_are_shown(backend: RecordedBackend, open_view: OpenView) -> None:
    answer(backend, [accepted() | {"probability": f"{0.3 + number / 1000:.3f}"} for number in reversed(range(600))])
    view = upload(open_view("batch"))
    shown = view.dataframe[-1].value
    assert len(shown) == 500
    assert (shown["probability"].min(), shown["probability"].max()) == (0.3, 0.799)
    assert "Up to 500 rows are shown; the download has all 600." in texts(view)


def test_warnings_are_counted_and_stand_at_their_rows(backend: RecordedBackend, open_view: OpenView) -> None:
    odd = accepted() | {"warnings": "Premis Cd 999: not used; DATE OCC: 3.1 years after the newest report"}
    answer(backend, [accepted() | {"warnings": ""}, odd, odd])
    view = upload(open_view("batch"))
    assert metrics(view)["With a warning"] == "2"
    about = next(frame.value for frame in view.dataframe if "About" in frame.value)
    assert dict(zip(about["About"], about["Rows"], strict=True)) == {"Premis Cd 999": 2, "DATE OCC": 2}
    view.segmented_control(key="order").set_value("warned").run()
    assert list(view.dataframe[-1].value["Row"]) == [2, 3]


def test_accuracy_tells_which_rows_the_model_may_have_learnt_from(
    backend: RecordedBackend, open_view: OpenView
) -> None:
    data = recorded("model_category")["serving"]["data"]
    learnt = {"date_read": data["until"]}
    fresh = {"date_read": "2099-01-01"}
    theft, fraud = {"label_name": "theft/burglary"}, {"label_name": "fraud/forgery"}
    own_theft, own_fraud, none = ({"recorded_name": name} for name in ("theft/burglary", "fraud/forgery", ""))
    cases = [learnt | theft | own_theft] * 3 + [fresh | theft | own_theft, fresh | theft | own_fraud]
    answer(backend, [accepted() | case for case in [*cases, fresh | fraud | none]])
    view = upload(open_view("batch"))
    shown = metrics(view)
    assert (shown["Accuracy, all rows with a code"], shown["Rows with a crime code"]) == ("80.0%", "5")
    assert shown["Accuracy, days before or after training"] == "50.0%"
    assert "3 of these rows are of the days of training" in texts(view)
    matrix = figures(view)["batch-confusion"]["data"][0]
    assert sum(map(sum, matrix["text"])) == 2
    view.toggle(key="only-fresh").set_value(False).run()
    assert sum(map(sum, figures(view)["batch-confusion"]["data"][0]["text"])) == 5
    view.segmented_control(key="order").set_value("differs").run()
    assert list(view.dataframe[-1].value["Row"]) == [5]


def test_a_table_without_crime_codes_has_no_accuracy(backend: RecordedBackend, open_view: OpenView) -> None:
    answer(backend, [accepted() | {"recorded_name": ""}])
    assert "Rows with a crime code" not in metrics(upload(open_view("batch")))


def test_a_rerun_does_not_send_the_table_again(backend: RecordedBackend, open_view: OpenView) -> None:
    view = upload(open_view("batch"))
    view.run()
    assert metrics(view)["Rows read"] == "8"
    assert len(backend.received(*BATCH)) == 1


def test_the_result_is_kept_until_the_next_upload(backend: RecordedBackend, open_view: OpenView) -> None:
    view = upload(open_view("batch"), name="january.csv")
    view.file_uploader[0].set_value([]).run()  # as when the page is left
    assert view.subheader[0].value == "january.csv"
    assert metrics(view)["Rows read"] == "8"
    assert "Kept while this browser tab is open, until the next upload." in texts(view)
    answer(backend, [accepted()])
    upload(view, name="february.csv")
    assert view.subheader[0].value == "february.csv"
    assert metrics(view)["Rows read"] == "1"


def test_other_column_names_are_chosen_once_for_all_tables_that_have_them(
    backend: RecordedBackend, open_view: OpenView
) -> None:
    backend.replace(*BATCH, recorded("table_refused"), 422)
    view = upload(open_view("batch"), "milk,eggs\n1,2\n", "a.csv")
    assert not view.error
    assert not view.metric
    day = next(box for box in view.selectbox if "DATE OCC" in box.label)
    assert list(day.options) == ["milk: 1", "eggs: 2"]
    view.button[0].click().run()
    assert view.error[0].value.startswith("Still to choose: Date it happened (DATE OCC)")
    answer(backend, [{"milk": "1", "eggs": "2"} | dict(list(accepted().items())[ADDED_FROM:])])
    for column, own in (("DATE OCC", "milk"), ("TIME OCC", "milk"), ("AREA", "eggs")):
        next(box for box in view.selectbox if f"({column})" in box.label).set_value(own)
    view.button[0].click().run()
    assert not view.exception
    chosen = {"DATE OCC": "milk", "TIME OCC": "milk", "AREA": "eggs"}
    assert json.loads(backend.received(*BATCH)[-1].query["columns"][0]) == chosen
    assert "milk → DATE OCC" in texts(view)
    sent = len(backend.received(*BATCH))
    upload(view, "milk,eggs\n3,4\n", "b.csv")
    (request,) = backend.received(*BATCH)[sent:]
    assert json.loads(request.query["columns"][0]) == chosen
    upload(view, "milk,other\n3,4\n", "c.csv")
    assert "columns" not in backend.received(*BATCH)[-1].query


def test_the_order_of_dates_is_asked_where_the_rows_do_not_tell(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace(*BATCH, recorded("table_dates_refused"), 422)
    view = open_view("batch")
    assert not view.segmented_control
    upload(view)
    assert "Dates such as **03/02/2020**" in texts(view)
    assert "--day-first" not in texts(view)
    backend.replaced.clear()
    view.segmented_control(key="dates").set_value("day").run()
    assert backend.received(*BATCH)[-1].query == {"record": ["false"], "day_first": ["true"]}
    assert metrics(view)["Rows read"] == "8"
    upload(view, name="another.csv")
    assert backend.received(*BATCH)[-1].query == {"record": ["false"]}


def test_a_table_that_ends_early_says_where(backend: RecordedBackend, open_view: OpenView) -> None:
    last = dict.fromkeys(accepted(), "") | {"error": "the table ends here: a line of 1,048,576 characters or more"}
    answer(backend, [accepted(), last])
    view = upload(open_view("batch"))
    assert metrics(view)["Rows read"] == "1"
    assert view.error[0].value == "The table could be read to row 1 only: a line of 1,048,576 characters or more"


def test_an_example_can_be_downloaded(open_view: OpenView) -> None:
    view = open_view("batch")
    assert [button.proto.label for button in view.get("download_button")] == ["Download an example"]
