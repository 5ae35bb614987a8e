"""Counts of reports, by what, where and when they were."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.bundle_files import file_hashes
from memory_registry import MemoryRegistry
from starlette.testclient import TestClient

NAME = "crime-category"


@pytest.fixture
def client(start_app: Callable[..., TestClient], registry: MemoryRegistry, small_bundle: CategoryBundle) -> TestClient:
    registry.register(NAME, small_bundle.directory, "champion")
    return start_app()


def test_counts_add_up(client: TestClient) -> None:
    counts = client.get("/reports").json()
    for key in ("by_category", "by_area", "by_month", "by_day", "by_code"):
        assert sum(counts[key].values()) == counts["total"]
    assert sum(map(sum, counts["by_weekday_hour"])) == counts["total"]
    assert (len(counts["by_weekday_hour"]), {len(day) for day in counts["by_weekday_hour"]}) == (7, {24})
    assert (min(counts["by_day"]), max(counts["by_day"])) == (counts["first_day"], counts["last_day"])


def test_filters_of_months_areas_and_categories(client: TestClient) -> None:
    counts = client.get("/reports").json()
    some = client.get(
        "/reports", params={"area": [1, 2], "category": "sexual", "first": "2021-01", "last": "2022-12"}
    ).json()
    assert 0 < some["total"] < counts["by_area"]["1"] + counts["by_area"]["2"]
    assert some["by_category"]["sexual crimes"] == some["total"]
    assert {area for area, reports in some["by_area"].items() if reports} <= {"1", "2"}
    assert (min(some["by_month"]), max(some["by_month"])) == ("2021-01", "2022-12")
    assert (min(some["by_day"]), max(some["by_day"])) == ("2021-01-01", "2022-12-31")
    assert some["by_district"] == {}  # places of sexual crimes are told no finer than their area
    assert (some["first_month"], some["last_month"]) == (counts["first_month"], counts["last_month"])


def test_days_shifts_districts_and_crime_codes_each_count_what_they_filter(client: TestClient) -> None:
    counts = client.get("/reports").json()
    day = max(counts["by_day"], key=lambda day: counts["by_day"][day])
    assert client.get("/reports", params={"first": day, "last": day}).json()["total"] == counts["by_day"][day]
    night = sum(sum(hours[:8]) for hours in counts["by_weekday_hour"])
    assert client.get("/reports?shift=0").json()["total"] == night
    for parameter, key in (("district", "by_district"), ("code", "by_code")):
        value, reports = max(counts[key].items(), key=lambda item: item[1])
        assert client.get("/reports", params={parameter: value}).json()["total"] == reports
    assert client.get("/reports?code=legacy:000").json()["total"] == 0


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("category=none", "expected one of "),
        ("first=January", "String should match pattern"),
        ("first=2021-02-30", "expected a day as 2020-01-31"),
        ("shift=3", "less than or equal to 2"),
        ("district=101&category=sexual", "no finer than their area"),
    ],
)
def test_a_wrong_filter_is_told(query: str, says: str, client: TestClient) -> None:
    refused = client.get(f"/reports?{query}")
    assert refused.status_code == 422
    assert says in refused.text


def test_days_before_and_after_the_table_have_no_reports(client: TestClient) -> None:
    answer = client.get("/reports?first=1999-01-01&last=1999-12-31").json()
    assert (answer["total"], answer["by_day"], answer["by_month"]) == (0, {}, {})


@pytest.fixture
def earlier(
    start_app: Callable[..., TestClient], registry: MemoryRegistry, small_bundle: CategoryBundle, tmp_path: Path
) -> TestClient:
    """A model of an earlier release: 2 thefts in January and 3 in February 2020, on Mondays at noon in Hollywood."""
    directory = Path(shutil.copytree(small_bundle.directory, tmp_path / "bundle"))
    (directory / "counts.npz").unlink()
    np.save(directory / "counts.npy", np.array([[600, 6, 3, 0, 12, 2], [601, 6, 3, 0, 12, 3]], np.int32))
    names = [name for name in small_bundle.spec.sha256 if name != "counts.npz"]
    changed = small_bundle.spec.model_copy(update={"sha256": file_hashes(directory, [*names, "counts.npy"])})
    (directory / "spec.json").write_text(changed.model_dump_json(by_alias=True))
    registry.register(NAME, directory, "champion")
    return start_app()


def test_a_model_of_an_earlier_release_counts_whole_months(earlier: TestClient) -> None:
    answer = earlier.get("/reports").json()
    assert (answer["total"], answer["by_month"]) == (5, {"2020-01": 2, "2020-02": 3})
    assert (answer["by_day"], answer["by_district"], answer["by_code"]) == (None, None, None)
    assert (answer["first_day"], answer["last_day"]) == ("2020-01-01", "2020-02-29")
    assert answer["by_weekday_hour"][0][12] == 5
    assert earlier.get("/reports?first=2020-02").json()["total"] == 3
    assert earlier.get("/reports?first=2020-02-01&last=2020-02-29").json()["total"] == 3
    for query in ("first=2020-02-03", "last=2020-02-03", "district=601", "code=legacy:510"):
        refused = earlier.get(f"/reports?{query}")
        assert refused.status_code == 422
        assert "of an earlier release and counts whole months alone" in refused.text
