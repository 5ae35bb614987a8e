"""How good versions are: figures of the same reports, and only those, side by side."""

from typing import Any

import pytest
from recorded import OpenView, RecordedBackend, figures, recorded

EVALUATION = "/models/crime-category/evaluation"


def test_the_champion_and_the_newest_other_version_answer_the_same_reports(
    backend: RecordedBackend, open_view: OpenView
) -> None:
    view = open_view("models")
    (request,) = backend.received("GET", EVALUATION)
    assert request.query == {"version": ["2", "3"]}
    told = next(caption.value for caption in view.caption if "the same" in caption.value)
    assert told.startswith("All figures are of the same 1,578 reports, from 13 September 2023 to 26 February 2025")
    assert "Always answering “theft/burglary” would be right in 57.1% of them." in told
    table = view.dataframe[0].value
    assert list(table["Known"]) == ["Place and time", "and premise", "and weapon", "Whole report"]
    assert list(table["Version 2, champion"]) == ["56.9%", "63.2%", "77.6%", "94.7%"]
    assert list(table["Version 3"]) == ["56.3%", "63.4%", "78.1%", "94.2%"]
    assert set(table["Always the most frequent"]) == {"57.1%"}


def test_the_versions_in_the_address_are_compared(backend: RecordedBackend, open_view: OpenView) -> None:
    open_view("models", versions="1")
    (request,) = backend.received("GET", EVALUATION)
    assert request.query == {"version": ["1"]}


@pytest.mark.parametrize(("address", "level"), [(None, "report"), ("place_time", "place_time"), ("weapon", "weapon")])
def test_categories_areas_and_calibration_of_a_level(
    backend: RecordedBackend, open_view: OpenView, address: str | None, level: str
) -> None:
    view = open_view("models", **({"level": address} if address else {}))
    scores = {version["version"]: version["levels"][level] for version in recorded("evaluation")["versions"]}
    drawn = {name: lines_of(figure) for name, figure in figures(view).items()}
    for version, name in (("2", "Version 2, champion"), ("3", "Version 3")):
        assert drawn["categories"][name]["x"] == [each["recall"] for each in scores[version]["categories"]]
        areas = [area["right"] / area["reports"] for area in scores[version]["areas"]]
        assert drawn["areas"][name]["x"] == pytest.approx(areas)
        assert drawn["calibration"][name]["y"] == [bin_["accuracy"] for bin_ in scores[version]["calibration"]]
    guess = drawn["areas"]["Always the most frequent"]["x"]
    assert guess == pytest.approx([area["guess_right"] / area["reports"] for area in scores["2"]["areas"]])
    assert figures(view)["confusion"]["data"][0]["text"] == scores["2"]["confusion"]


def lines_of(figure: dict[str, Any]) -> dict[str, Any]:
    """What a figure draws, by name."""
    return {trace.get("name", ""): trace for trace in figure["data"]}


def test_counts_stand_beside_the_shares(backend: RecordedBackend, open_view: OpenView) -> None:
    """22 of 25 sexual crimes were found; always guessing finds all thefts and nothing else."""
    view = open_view("models")
    found = view.dataframe[1].value.set_index("Category")
    assert found.loc["Sexual crimes", "Version 2, champion"] == "22 of 25"
    guess = lines_of(figures(view)["categories"])["Always the most frequent"]
    assert dict(zip(guess["y"], guess["x"], strict=True)) == {
        name: float(name == "Theft/burglary") for name in found.index
    }


def test_precision_of_each_category(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("models", share="right")
    categories = recorded("evaluation")["versions"][0]["levels"]["report"]["categories"]
    drawn = lines_of(figures(view)["categories"])["Version 2, champion"]
    assert drawn["x"] == [category["precision"] for category in categories]
    sexual = next(category for category in categories if category["category"] == "sexual crimes")
    shown = view.dataframe[1].value.set_index("Category").loc["Sexual crimes", "Version 2, champion"]
    assert shown == f"{sexual['right']} of {sexual['answered']}"


def test_versions_without_common_reports_are_not_compared(backend: RecordedBackend, open_view: OpenView) -> None:
    why = "no comparison: 12 held-out reports are newer than the training of every judged model, and 100 are needed"
    backend.replace("GET", EVALUATION, {"detail": why}, 409)
    view = open_view("models")
    assert view.info[0].value == f"These versions have no figures to compare: {why}"
    assert not figures(view)
    assert [request.query["version"] for request in backend.received("GET", EVALUATION)] == [["2", "3"], ["2"]]


def test_names_are_plain(backend: RecordedBackend, open_view: OpenView) -> None:
    features = recorded("features")
    bayes = [
        {
            "name": f"evidence_{name}",
            "about": "x",
            "source": ["AREA"],
            "use": "",
            "share_of_gain": 0.25,
            "entity": ["report"],
        }
        for name in ("sexual", "violence_assault")
    ]
    backend.replace("GET", "/features", {"features": [*features["features"], *bayes]})
    view = open_view("models")
    inputs = view.expander[-1].dataframe[0].value
    assert inputs["Input"][0] == "how likely each crime code is, from all that is known (naive Bayes)"
    assert inputs["Share of what it learnt"][0] == 0.5
    shown = " ".join(str(frame.value) for frame in view.dataframe)
    assert "evidence_" not in shown
    assert "AUC" not in shown
    assert "until 26 February 2025; rows read 7,888, rejected 0; fingerprint da5018ed37f7." in view.caption[-1].value


def test_figures_of_each_system_where_reports_are_of_both(backend: RecordedBackend, open_view: OpenView) -> None:
    model = recorded("model_category")
    metrics = model["serving"]["metrics"]
    nibrs = {level: {**scores, "accuracy": 0.25} for level, scores in metrics.items()}
    backend.replace(
        "GET", "/models/crime-category", model | {"serving": model["serving"] | {"by_system": {"nibrs": nibrs}}}
    )
    view = open_view("models")
    table = next(frame.value for frame in view.dataframe if "NIBRS, since 2024: right" in frame.value)
    assert list(table["NIBRS, since 2024: right"]) == [0.25] * 4
