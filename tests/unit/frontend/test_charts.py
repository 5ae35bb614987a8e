"""Figures show the numbers they were given."""

import pytest
from crime_ui.charts import answers, forecasts, histograms, maps, running, scores, style
from crime_ui.client.answers import CalibrationBin, DayCount
from crime_ui.client.answers_models import DriftPeriod, ValueShares
from recorded import recorded


def test_probabilities_are_ranked_with_the_predicted_category_in_colour() -> None:
    shares = {"theft": 0.2, "fraud": 0.7, "other": 0.1}
    bar, base, texts = answers.probabilities(shares, {"theft": 0.5, "fraud": 0.3, "other": 0.2}, "fraud").data
    assert list(bar.x) == [0.1, 0.2, 0.7]  # Plotly draws upwards
    assert list(bar.y) == list(base.y) == ["other", "theft", "fraud"]
    assert list(base.x) == [0.2, 0.5, 0.3]
    assert list(texts.text) == ["10.0%", "20.0%", "70.0%"]
    assert list(bar.marker.color) == [style.GREY, style.GREY, style.BLUE]


def test_a_waterfall_keeps_its_order_from_the_top_and_shortens_long_names() -> None:
    steps = [answers.Step("Area", "Hollywood", 0.3), answers.Step("Weapon", "x" * 60, -0.1)]
    figure = answers.waterfall(0.4, steps, 0.6)
    (bar,) = figure.data
    assert list(bar.x) == [0.4, 0.3, -0.1, 0.6]
    assert list(bar.text) == ["40%", "+30", "−10", "60%"]
    assert figure.layout.yaxis.autorange == "reversed"
    labels = list(figure.layout.yaxis.ticktext)
    assert labels == ["Base rate", "Area: Hollywood", "Weapon: " + "x" * 17 + "…", "This report"]
    assert bar.customdata[2] == "Weapon: " + "x" * 60


@pytest.mark.parametrize("horizontal", [False, True])
def test_bars(horizontal: bool) -> None:
    bar = histograms.bars({"2020-01": 5, "2020-02": 0}, horizontal).data[0]
    names, counts = (bar.y, bar.x) if horizontal else (bar.x, bar.y)
    assert (list(names), list(counts)) == (["2020-01", "2020-02"], [5, 0])


def test_bars_beside_those_of_an_earlier_time() -> None:
    now, earlier = histograms.compared_bars({"theft": 5, "fraud": 2}, {"fraud": 3}, ["Now", "Earlier"]).data
    assert (list(now.y), list(now.x), list(earlier.x)) == (["theft", "fraud"], [5, 2], [0, 3])
    assert len(histograms.compared_bars({"theft": 5}).data) == 1


def test_bars_over_time_have_the_earlier_ones_day_by_day_beside_them() -> None:
    days = {"2021-01-01": 5, "2021-01-02": 2}
    bars, line = histograms.over_time(days, {"2020-01-03": 4, "2020-01-04": 1}, ["Now", "Earlier"]).data
    assert (list(bars.x), list(bars.y)) == (list(days), [5, 2])
    assert (list(line.x), list(line.y), list(line.customdata)) == (list(days), [4, 1], ["2020-01-03", "2020-01-04"])


def test_weekday_hour_has_monday_on_top() -> None:
    counts = [[day * 24 + hour for hour in range(24)] for day in range(7)]
    weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    figure = histograms.weekday_hour(counts, weekdays, "hour", maps.LIGHT_SCALE)
    assert [list(row) for row in figure.data[0].z] == counts
    assert figure.data[0].y[0] == "Mon"
    assert figure.layout.yaxis.autorange == "reversed"


def test_confusion_is_shaded_by_the_share_of_its_row() -> None:
    figure = scores.confusion([[3, 1], [0, 0]], ["theft", "fraud"]).data[0]
    assert [list(row) for row in figure.z] == [[0.75, 0.25], [0, 0]]
    assert [list(row) for row in figure.text] == [[3, 1], [0, 0]]


def test_calibration_is_drawn_against_the_diagonal() -> None:
    bins: list[CalibrationBin] = [
        {"confidence": 0.3, "accuracy": 0.35, "share": 0.25},
        {"confidence": 0.9, "accuracy": 0.88, "share": 0.75},
    ]
    diagonal, points = scores.calibration({"Version 2": bins}).data
    assert (list(diagonal.x), list(diagonal.y)) == ([0, 1], [0, 1])
    assert (list(points.x), list(points.y)) == ([0.3, 0.9], [0.35, 0.88])
    assert points.marker.size[0] < points.marker.size[1]


def test_versions_differ_in_colour_and_in_shape() -> None:
    versions = [scores.Dots(str(number), [0.5], ["1 of 2"]) for number in range(6)]
    markers = [trace.marker for trace in scores.dots(["a"], versions).data]
    assert len({marker.color for marker in markers}) == len({marker.symbol for marker in markers}) == 6


def test_codes_are_drawn_by_frequency_and_numbers_in_order() -> None:
    def value(key: str, live: float) -> ValueShares:
        return {"value": key, "name": key, "reference": 0.01, "live": live}

    hours = [value("-1", 0.5), value("10", 0.2), value("9", 0.3)]
    assert [each["value"] for each in running.in_order(hours)] == ["9", "10", "-1"]
    codes = [value(f"legacy:{number}", number / 100) for number in range(20)]
    assert [each["value"] for each in running.in_order(codes)] == [f"legacy:{number}" for number in range(19, 9, -1)]


def test_the_fan_has_both_bands_the_expectation_and_what_is_known() -> None:
    days = recorded("forecast_city")["days"]
    known: list[DayCount] = [{"date": "2020-12-31", "reports": 7}]
    wide, narrow, line, dots = forecasts.forecast_fan(known, days, "known so far").data
    assert list(line.y) == [day["mean"] for day in days]
    assert list(line.x) == [day["date"] for day in days]
    assert list(wide.y[: len(days)]) == [day["high95"] for day in days]
    assert list(wide.y[len(days) :]) == [day["low95"] for day in reversed(days)]
    assert list(narrow.y[: len(days)]) == [day["high80"] for day in days]
    assert (list(dots.x), list(dots.y)) == (["2020-12-31"], [7])


def test_drift_has_a_line_a_feature_and_the_threshold() -> None:
    history: list[DriftPeriod] = [
        {"until": "2024-01-01T10:00:00.1", "psi": {"hour": 0.01}},
        {"until": "2024-01-01T10:00:00.6", "psi": {"hour": 0.02, "area": 0.4}},
    ]
    figure = running.drift_history(history, {"hour": "Hour"}, 0.1)
    lines = {line.name: list(line.y) for line in figure.data}
    assert lines == {"area": [None, 0.4], "Hour": [0.01, 0.02]}
    assert list(figure.data[0].x) == ["1", "2"]  # periods may be half a second apart
    assert figure.layout.shapes[0].y0 == 0.1
