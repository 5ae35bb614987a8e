"""The page of one report."""

import pytest
from recorded import OpenView, RecordedBackend, figures, recorded

THREE_FIELDS = {"date": "2023-01-15", "time": "14:30", "area": "Hollywood (6)"}


def test_three_fields_give_an_answer(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("predict", **THREE_FIELDS)
    answer = recorded("explain_three_fields")
    assert backend.received("POST", "/explain")[-1].body == {
        "DATE OCC": "2023-01-15",
        "TIME OCC": "1430",
        "AREA": "6",
    }
    assert view.metric[0].value == answer["label_name"].capitalize()
    assert view.metric[0].delta == f"{answer['probability']:.0%} sure, from place and time"
    assert "**What would sharpen this:** the premise." in view.info[0].value
    assert "right 57% of the time; with the premise 64%, with the whole report 94%" in view.info[0].value
    assert view.caption[-1].value.startswith("Model crime-category version 2.")
    assert not view.warning


def test_every_further_field_is_sent(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("predict", **THREE_FIELDS)
    view.selectbox(key="premise").select("Street (101)").run()
    assert backend.received("POST", "/explain")[-1].body["Premis Cd"] == "101"
    assert view.metric[0].delta.endswith("sure, from place, time and premise")
    assert "**What would sharpen this:** the weapon." in view.info[0].value
    view.selectbox(key="weapon").select_index(1)  # the most frequent one: the first says that there was none
    view.multiselect(key="mo").set_value(view.multiselect(key="mo").options[:2])
    view.number_input(key="district").set_value(646)
    view.number_input(key="lat").set_value(34.1)
    view.run()
    codes = recorded("codes")
    report = backend.received("POST", "/explain")[-1].body
    assert report["Weapon Used Cd"] == codes["weapon"][0]["code"]
    assert report["Mocodes"] == " ".join(code["code"] for code in codes["mo"][:2])
    assert (report["Rpt Dist No"], report["LAT"]) == (646, 34.1)
    assert "LON" not in report
    assert view.metric[0].delta.endswith("sure, from the whole report, MO codes included")
    assert any("answers from whole reports are right 94% of the time" in caption.value for caption in view.caption)


def test_none_recorded_is_not_the_same_as_not_known(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("predict", **THREE_FIELDS, weapon="No weapon", mo="No MO codes in the report")
    report = backend.received("POST", "/explain")[-1].body
    assert (report["Weapon Used Cd"], report["Mocodes"]) == ("", "")
    assert "Premis Cd" not in report
    assert view.metric[0].delta.endswith("MO codes included")


def test_the_reasons_are_ranked_by_how_much_they_contribute(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("predict", **THREE_FIELDS, mo="No MO codes in the report")
    answer = recorded("explain_whole")
    bars = figures(view)["bars"]["data"][0]
    assert dict(zip(bars["y"], bars["x"], strict=True)) == answer["probabilities"]
    why = figures(view)["why"]["data"][0]
    sizes = [abs(log_odds) for log_odds in why["x"]]
    assert sizes == sorted(sizes)  # drawn upwards
    assert why["customdata"][-1] == answer["reasons"][0]["text"].rsplit(",", 1)[0]
    log_odds = answer["reasons"][0]["log_odds"]
    assert why["x"][-1] == pytest.approx(log_odds["violence/assault"] - sum(log_odds.values()) / 7)
    words = view.expander[-1].markdown[0].value.splitlines()
    given = [reason["text"] for reason in answer["reasons"] if reason["value"] is not None]
    assert words == [f"- {text}" for text in given]
    assert len(given) == len(sizes)


def test_codes_that_are_not_in_the_tables_are_named(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("POST", "/explain", recorded("explain_unknown_code"))
    view = open_view("predict")
    assert "so not used: Premis Cd 9999" in view.warning[0].value


def test_wrong_input_is_answered_with_what_is_expected(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("POST", "/explain", recorded("explain_refused"), 422)
    view = open_view("predict")
    assert view.error[0].value == "DATE OCC: expected a year from 1900 to 2100"
    assert not view.metric
