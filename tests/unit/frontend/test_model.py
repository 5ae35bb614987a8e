"""The page of the model that answers."""

import pytest
from recorded import OpenView, RecordedBackend, figures, recorded


def test_the_figures_of_the_model(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("model")
    assert [(metric.label, metric.value) for metric in view.metric] == [
        ("crime-category", "version 2"),
        ("Accuracy, whole reports", "94.4%"),
        ("Accuracy, place and time", "56.6%"),
        ("Calibration error", "1.4%"),
    ]
    assert view.caption[0].value.startswith(
        "1,578 reports from 2023-09-13 on, the last fifth by time, answered by a model"
    )
    serving = recorded("model_category")["serving"]
    scores = view.dataframe[0].value
    assert list(scores["Known"]) == ["Place and time", "+ premise", "+ weapon", "+ MO codes, circumstances"]
    assert scores["Log loss"][3] == serving["metrics"]["report"]["log_loss"]
    assert "Rows read 7,888, rejected 0; fingerprint da5018ed37f7." in view.caption[-1].value


def test_the_figures_of_each_system_where_reports_are_of_both(backend: RecordedBackend, open_view: OpenView) -> None:
    model = recorded("model_category")
    metrics = model["serving"]["metrics"]
    nibrs = {level: {**scores, "accuracy": 0.25} for level, scores in metrics.items()}
    serving = model["serving"] | {"by_system": {"legacy": metrics, "nibrs": nibrs}}
    backend.replace("GET", "/models/crime-category", model | {"serving": serving})
    view = open_view("model")
    assert [text.value for text in view.markdown][:2] == [
        "**Of these, LAPD codes, until 2025**",
        "**Of these, NIBRS, since 2024**",
    ]
    assert list(view.dataframe[2].value["Accuracy"]) == [0.25] * 4


def test_features_are_ranked_by_their_share_of_gain(backend: RecordedBackend, open_view: OpenView) -> None:
    features = open_view("model").dataframe[1].value
    assert list(features["share_of_gain"]) == sorted(features["share_of_gain"], reverse=True)
    of_reports = [feature for feature in recorded("features")["features"] if feature["entity"] == ["report"]]
    assert set(features["name"]) == {feature["name"] for feature in of_reports}


@pytest.mark.parametrize(
    ("words", "level"), [(None, "report"), ("Place and time", "place_time"), ("+ weapon", "weapon")]
)
def test_confusion_and_calibration_of_a_level(
    backend: RecordedBackend, open_view: OpenView, words: str | None, level: str
) -> None:
    view = open_view("model", **({"level": words} if words else {}))
    serving = recorded("model_category")["serving"]
    confusion, calibration = figures(view)["confusion"]["data"][0], figures(view)["calibration"]["data"][1]
    assert confusion["text"] == serving["confusion"][level]
    assert confusion["x"] == list(serving["categories"].values())
    assert calibration["y"] == [bin_["accuracy"] for bin_ in serving["calibration"][level]]
