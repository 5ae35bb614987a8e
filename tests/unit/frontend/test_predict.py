"""The page of one report."""

import pytest
from recorded import OpenView, RecordedBackend, figures, recorded
from streamlit.testing.v1 import AppTest

THREE_FIELDS = {"date": "2023-01-15", "time": "14:30", "area": "Hollywood (6)"}


def sent(backend: RecordedBackend) -> dict[str, object]:
    """The report that was asked about last."""
    body: dict[str, object] = backend.received("POST", "/explain")[-1].body
    return body


def words(view: AppTest) -> str:
    return "\n".join(element.value for element in (*view.markdown, *view.info, *view.caption))


def test_an_untouched_form_assumes_nothing(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("predict")
    assert sent(backend) == {}
    assert view.metric[0].label == "Most frequent: nothing is known yet"
    answer = recorded("explain_nothing")
    assert view.metric[0].delta == f"{answer['probability']:.0%} of all reports"
    assert "These are the base rates" in words(view)
    assert "held out" not in words(view)
    assert not view.warning


def test_three_fields_give_an_answer(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("predict", **THREE_FIELDS)
    answer = recorded("explain_three_fields")
    assert sent(backend) == {"DATE OCC": "2023-01-15", "TIME OCC": "1430", "AREA": "6"}
    assert (view.metric[0].label, view.metric[0].value) == ("Most likely", answer["label_name"].capitalize())
    assert view.metric[0].delta == f"{answer['probability']:.0%} sure, from Date, Time, Area"
    gain, bits = answer["next_fields"][0]["gain_bits"], answer["open_bits"]
    assert f"**MO codes** would tell most: {gain:.1f} of the {bits:.1f} bits still open." in words(view)
    record = answer["track_record"]
    assert f"the answer was right {record['accuracy']:.0%} of the time" in words(view)
    assert f"as sure as here: {record['as_sure']:.0%}" in words(view)
    assert any(caption.value.startswith("Model crime-category version 2.") for caption in view.caption)
    assert not view.warning


def test_a_single_field_is_enough(backend: RecordedBackend, open_view: OpenView) -> None:
    open_view("predict", mo="0416")
    assert sent(backend) == {"Mocodes": "0416"}


@pytest.mark.parametrize("time", ["00:00", "12:00"])
def test_times_that_stand_for_unknown_ones_are_told(time: str, backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("predict", time=time)
    assert sent(backend) == {"TIME OCC": time.replace(":", "")}
    assert f"LAPD writes {time} for many unknown times" in words(view)
    view.time_input(key="time").set_value(None).run()
    assert sent(backend) == {}
    assert "time" not in view.query_params


def test_every_further_field_is_sent(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("predict", **THREE_FIELDS)
    view.selectbox(key="premise").select("101").run()
    assert sent(backend)["Premis Cd"] == "101"
    codes = recorded("codes")
    view.selectbox(key="weapon").select_index(1)  # the most frequent one: the first says that there was none
    view.multiselect(key="mo").set_value([code["code"] for code in codes["mo"][:2]])
    view.number_input(key="district").set_value(646)
    view.number_input(key="lat").set_value(34.1)
    view.run()
    report = sent(backend)
    assert report["Weapon Used Cd"] == codes["weapon"][0]["code"]
    assert report["Mocodes"] == " ".join(code["code"] for code in codes["mo"][:2])
    assert (report["Rpt Dist No"], report["LAT"]) == (646, 34.1)
    assert "LON" not in report
    assert view.metric[0].delta.endswith("sure, from Date, Time, Area, Premise, Weapon, MO codes")
    assert "No other field is expected to tell much more" in words(view)


def test_an_address_shared_earlier_means_the_same(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("predict", **THREE_FIELDS, premise="Street (101)", weapon="No weapon", mo="Stranger (1822)")
    assert sent(backend) == {
        "DATE OCC": "2023-01-15",
        "TIME OCC": "1430",
        "AREA": "6",
        "Premis Cd": "101",
        "Weapon Used Cd": "",
        "Mocodes": "1822",
    }
    assert not view.warning


def test_a_wrong_value_in_the_address_is_told_and_left_out(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("predict", time="25:00", district="x", date="2023-02-30")
    assert sent(backend) == {}
    assert {warning.value.split("**")[1] for warning in view.warning} == {
        "Time",
        "Reporting district",
        "Date it happened",
    }


def test_none_recorded_is_not_the_same_as_not_known(backend: RecordedBackend, open_view: OpenView) -> None:
    open_view("predict", **THREE_FIELDS, weapon="none", mo="none")
    report = sent(backend)
    assert (report["Weapon Used Cd"], report["Mocodes"]) == ("", "")
    assert "Premis Cd" not in report


def test_a_report_by_nibrs_needs_no_field_either(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("predict", system="nibrs")
    assert sent(backend) == {"System": "nibrs"}
    view.selectbox(key="nibrs-premise").select("Street")
    view.selectbox(key="nibrs-weapon").select("none")
    view.multiselect(key="circumstances").set_value(["Domestic Violence Crime"]).run()
    assert sent(backend) == {
        "System": "nibrs",
        "Premis Desc": "Street",
        "Weapon Used Cd": "",
        "Victim Shot": "No",
        "Domestic Violence Crime": "Yes",
        "Gang-related Crime": "No",
        "Transit-related Crime": "No",
    }


@pytest.mark.parametrize("category", [None, "theft_burglary"])
def test_the_bars_lead_from_the_base_rate_to_the_probability(
    category: str | None, backend: RecordedBackend, open_view: OpenView
) -> None:
    view = open_view("predict", **THREE_FIELDS, mo="none", **({"why": category} if category else {}))
    answer = recorded("explain_whole")
    name = "theft/burglary" if category else answer["label_name"]
    way = figures(view)["why-bars"]["data"][0]
    assert way["measure"] == ["absolute", *["relative"] * (len(way["x"]) - 2), "total"]
    assert way["x"][0] == answer["base_rates"][name]
    assert way["x"][-1] == answer["probabilities"][name]
    assert sum(way["x"][:-1]) == pytest.approx(way["x"][-1], abs=1e-4)
    sizes = [abs(effect) for effect in way["x"][1:-2]]  # the last one is that of all others together
    assert sizes == sorted(sizes, reverse=True)
    lines = next(element.value for element in view.markdown if element.value.startswith("- Base rate")).splitlines()
    assert len(lines) == len(way["x"])
    assert lines[0].startswith(f"- Base rate: {answer['base_rates'][name]:.0%} of all reports")
    assert lines[-1] == f"- This report: {answer['probabilities'][name]:.0%}."


def test_probabilities_are_shown_beside_their_base_rates(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("predict", **THREE_FIELDS)
    answer = recorded("explain_three_fields")
    bars, marks, _ = figures(view)["bars"]["data"]
    for drawn, told in ((bars, "probabilities"), (marks, "base_rates")):
        assert dict(zip(drawn["y"], drawn["x"], strict=True)) == {
            name.capitalize(): value for name, value in answer[told].items()
        }


def test_what_a_category_holds_is_told(backend: RecordedBackend, open_view: OpenView) -> None:
    robbery = {"code": "210", "name": "ROBBERY", "system": "legacy", "category": "violence/assault"}
    fraud = {"code": "26A", "name": "Swindle", "system": "nibrs", "category": "fraud/forgery"}
    backend.replace("GET", "/codes", recorded("codes") | {"crime": [robbery, fraud]})
    view = open_view("predict")
    assert "**Violence/assault**: Robbery" in words(view)
    assert "Swindle" not in words(view)
    assert "**Fraud/forgery**: Swindle" in words(open_view("predict", system="nibrs"))


def test_codes_that_are_not_in_the_tables_are_named(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("POST", "/explain", recorded("explain_unknown_code"))
    view = open_view("predict")
    assert "so not used: Premis Cd 9999" in view.warning[0].value


def test_a_day_in_the_future_and_a_district_elsewhere_are_told(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("POST", "/explain", recorded("explain_odd"))
    view = open_view("predict", date="2031-05-03", district="1201", area="Hollywood")
    assert [warning.value for warning in view.warning] == [
        "**Date**: 2031-05-03 is in the future",
        "**Reporting district**: 1201 is not in AREA 6, whose districts are 600 to 699",
    ]


def test_wrong_input_is_answered_with_what_is_expected(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("POST", "/explain", recorded("explain_refused"), 422)
    view = open_view("predict")
    assert view.error[0].value == "DATE OCC: expected a year from 1900 to 2100"
    assert not view.metric
