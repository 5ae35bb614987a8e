"""`ModelKind.open` gives a verified model or a `BundleError` that names what is wrong, whatever a directory holds."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core import limits
from crime.core.bundle_files import SPEC_FORMAT, file_hashes
from crime.core.errors import BundleError
from crime.registry.kinds import CATEGORY, FORECAST, MODEL_KINDS
from written_forecast import write_forecast

Change = Callable[[Any], object]


@pytest.fixture
def category(small_bundle: CategoryBundle, tmp_path: Path) -> Path:
    """A category bundle that a test may damage."""
    return Path(shutil.copytree(small_bundle.directory, tmp_path / "category"))


@pytest.fixture
def forecast(tmp_path: Path) -> Path:
    return write_forecast(tmp_path / "forecast")


def refusal(directory: Path) -> str:
    """Why it is refused."""
    name = json.loads((directory / "spec.json").read_text())["model"]
    with pytest.raises(BundleError) as refused:
        MODEL_KINDS[name].open(directory, "1")
    return str(refused.value)


def edit_spec(directory: Path, change: Change) -> None:
    path = directory / "spec.json"
    spec = json.loads(path.read_text())
    change(spec)
    path.write_text(json.dumps(spec))


def fit_hashes(directory: Path) -> None:
    def fit(spec: dict[str, Any]) -> None:
        spec["sha256"] = file_hashes(directory, spec["sha256"])

    edit_spec(directory, fit)


def edit_arrays(directory: Path, name: str, change: Change) -> None:
    """Change the arrays of a file, whose hash fits again."""
    with np.load(directory / name) as stored:
        arrays = dict(stored)
    change(arrays)
    np.savez_compressed(directory / name, **arrays)
    fit_hashes(directory)


def put(*path: str | int, value: Any) -> Change:
    """Sets the value at the end of a path of keys."""

    def change(at: Any) -> None:
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


OF_CATEGORY: dict[str, tuple[Change, str]] = {
    "golden that is ragged": (lambda spec: spec["golden"][1].pop(), "golden.1"),
    "golden that is missing": (lambda spec: spec["golden"].pop(), "golden has 19 answers to 316 held-out reports"),
    "golden that is empty": (put("golden", value=[]), "golden has 0 answers"),
    "golden of text": (put("golden", 0, 0, value="0.5"), "golden.0.0"),
    "golden above 1": (put("golden", 0, 0, value=1.5), "golden.0.0"),
    "golden that does not add up": (put("golden", 0, value=[0.5] * 7), "golden.0: Value error, probabilities"),
    "features of none": (put("features", 0, value="shoe_size"), "features: Value error, no feature 'shoe_size'"),
    "a feature twice": (lambda spec: spec["features"].append("area"), "features: Value error, expected each feature"),
    "features out of order": (lambda spec: spec["features"].reverse(), "features: Value error, expected each feature"),
    "no features": (put("features", value=[]), "features: Value error, no feature of DATE OCC, TIME OCC, AREA"),
    "rounds of one level": (put("rounds", value={"report": 17}), "rounds: Value error"),
    "other rounds": (put("rounds", "report", value=3), " trees, its spec says 3 rounds"),
    "rounds of text": (put("rounds", "report", value="17"), "rounds.report"),
    "rounds of a truth": (put("rounds", "report", value=True), "rounds.report"),
    "no rounds": (put("rounds", "report", value=0), "rounds.report"),
    "a confusion of 6": (lambda spec: spec["confusion"]["overall"].pop(), "confusion.overall"),
    "no metrics": (put("metrics", value={}), "metrics is not of"),
    "metrics of text": (put("metrics", "overall", "log_loss", value="low"), "metrics.overall.log_loss"),
    "calibration above 1": (put("calibration", "overall", 0, "share", value=2.0), "calibration.overall.0.share"),
    "calibration without a share": (lambda spec: spec["calibration"]["overall"][0].pop("share"), "calibration.overall"),
    "negative counts": (put("reference", "features", "area", "1", value=-5), "reference.features.area.1"),
    "a gain of none": (lambda spec: spec["gain"].pop("area"), "gain lacks area"),
    "a vocabulary too few": (lambda spec: spec["vocabularies"].pop("premis_cd"), "vocabularies: Value error"),
    "a code of no system": (put("vocabularies", "premis_cd", 0, "codes", 0, value="x:1"), "vocabularies.premis_cd.0"),
    "a vocabulary too large": (
        lambda spec: spec["vocabularies"].update(premis_cd=spec["vocabularies"]["premis_cd"] * 9),
        "vocabularies.premis_cd",
    ),
    "a day that there is not": (put("data", "until", value="2020-02-30"), "data.until"),
    "a day beyond any": (put("data", "from", value="0001-01-01"), "data.from"),
    "data that end first": (put("data", "until", value="1999-01-01"), "data begins after it ends"),
    "a share of nothing": (put("data", "share", value=0), "data.share"),
    "other categories": (put("categories", value={}), "categories are not this release's"),
    "a judged model of nothing": (put("judged", value={}), "judged.features"),
    "a judged model of another time": (put("judged", "last_minute", value=10**18), "judged.last_minute"),
    "a hash of text": (put("sha256", "report.txt", value="x"), "sha256.report.txt"),
    "no hash": (lambda spec: spec["sha256"].pop("report.txt"), "sha256 lacks report.txt"),
    "no hashes at all": (put("sha256", value={}), "sha256 lacks"),
    "an absolute name": (put("sha256", "/etc/passwd", value="0" * 64), "sha256./etc/passwd"),
    "a name elsewhere": (put("sha256", "../x.txt", value="0" * 64), "sha256.../x.txt"),
    "a name of none": (put("sha256", "other.txt", value="0" * 64), "sha256 names other.txt"),
    "many names": (lambda spec: spec["sha256"].update({f"x.t{'x' * n}": "0" * 64 for n in range(30)}), "sha256"),
    "a newer format": (put("format", value=SPEC_FORMAT + 1), "a newer release wrote"),
    "a format of text": (put("format", value="2"), "format"),
    "a version with a path": (put("version", value="../1"), "version"),
    "another model": (put("model", value="crime-risk"), "is malformed"),
}


@pytest.mark.parametrize("what", OF_CATEGORY)
def test_a_category_spec_is_refused_by_its_field(what: str, category: Path) -> None:
    change, message = OF_CATEGORY[what]
    edit_spec(category, change)
    assert message in refusal(category)


OF_FORECAST: dict[str, tuple[Change, str]] = {
    "an origin of text": (put("origin", value="today"), "origin"),
    "an origin beyond any": (put("origin", value=10**9), "origin"),
    "a backtest of the city": (put("backtest", value={"city": {}}), "backtest"),
    "a share above 1": (put("data", "share", value=2), "data.share"),
    "data that end first": (put("data", "until", value="1999-12-31"), "data begins after it ends"),
    "a day of none": (put("data", "from", value="x"), "data.from"),
    "reports of text": (put("data", "reports", value="many"), "data.reports"),
    "a file too few": (lambda spec: spec["sha256"].pop("online.json"), "sha256 lacks online.json"),
    "a file of another kind": (put("sha256", "report.txt", value="0" * 64), "sha256 names report.txt"),
    "a newer format": (put("format", value=99), "a newer release wrote"),
}


@pytest.mark.parametrize("what", OF_FORECAST)
def test_a_forecasts_spec_is_refused_by_its_field(what: str, forecast: Path) -> None:
    change, message = OF_FORECAST[what]
    edit_spec(forecast, change)
    assert message in refusal(forecast)


@pytest.mark.parametrize(
    "text",
    [
        '{"model": "crime-risk", "model": "crime-category"}',
        '{"model": "crime-risk", "x": NaN}',
        '{"model": "crime-risk", "x": 1e999}',
        '{"model": "crime-risk", "x": ' + "[" * 50 + "]" * 50 + "}",
        '{"model": "crime-risk", "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"model": "crime-risk", "x": "\\ud800"}',
        '{"model": "crime-risk", "x": "' + "x" * limits.SPEC_BYTES + '"}',
    ],
    ids=["a key twice", "NaN", "infinite", "deep", "very deep", "half a character", "large"],
)
def test_a_spec_of_other_text_is_refused(text: str, forecast: Path) -> None:
    (forecast / "spec.json").write_text(text)
    with pytest.raises(BundleError, match=r"spec\.json"):
        FORECAST.open(forecast)


ARRAYS: dict[str, tuple[str, Change, str]] = {
    "rows that are none": ("evidence.npz", lambda a: a["lookup"].__setitem__((0, 5), 354), "lookup: names rows"),
    "negative rows": ("evidence.npz", lambda a: a["lookup"].__setitem__((0, 5), -1), "lookup: expected values"),
    "categories in no order": ("evidence.npz", lambda a: a.update(category=a["category"][::-1]), "category"),
    "categories that are none": ("evidence.npz", lambda a: a["category"].__setitem__(-1, 7), "category"),
    "codes that are none": ("evidence.npz", lambda a: a["codes"].__setitem__((0, 1), "99999"), "codes: no crime code"),
    "a table of none": ("evidence.npz", lambda a: a["table"].__setitem__((5, 5), np.nan), "table: not every value"),
    "a prior of none": ("evidence.npz", lambda a: a["table"].__setitem__(1, 0), "table: the prior"),
    "fewer values": ("evidence.npz", lambda a: a.update(lookup=a["lookup"][:, :10]), "lookup: expected"),
    "fewer features": ("evidence.npz", lambda a: a.update(lookup=a["lookup"][:2]), "lookup: expected"),
    "a judged table of none": ("judged_evidence.npz", lambda a: a["table"].__setitem__(1, 0), "table: the prior"),
    "days of other lengths": ("counts.npz", lambda a: a.update(hour=a["hour"][:5]), "hour: expected"),
    "an hour of none": ("counts.npz", lambda a: a["hour"].__setitem__(0, 24), "hour: expected values"),
    "a crime code of none": ("counts.npz", lambda a: a["code"].__setitem__(0, 72), "code: names crime codes"),
    "a key of none": ("counts.npz", lambda a: a["codes"].__setitem__(0, "x"), "codes: no crime code"),
    "nothing counted": (
        "counts.npz",
        lambda a: a.update({n: v[:0] for n, v in a.items() if n != "codes"}),
        "counts no",
    ),
    "a label of none": ("held_out.npz", lambda a: a["label"].__setitem__(0, 7), "label: expected values"),
    "a day not known": ("held_out.npz", lambda a: a["date_occ"].__setitem__(0, np.nan), "date_occ: not every"),
    "no days": ("held_out.npz", lambda a: a.pop("date_occ"), "date_occ: is not known of every report"),
    "a premise of no system": ("held_out.npz", lambda a: a["premis_cd"].__setitem__(0, "x:1"), "premis_cd: expected a"),
    "objects": ("held_out.npz", lambda a: a.update(label=a["label"].astype(object)), "label: its header is no plain"),
    "no held-out reports": ("held_out.npz", lambda a: a.update({n: v[:0] for n, v in a.items()}), "holds no reports"),
}


@pytest.mark.parametrize("what", ARRAYS)
def test_arrays_of_a_category_model_are_refused_by_their_name(what: str, category: Path) -> None:
    name, change, message = ARRAYS[what]
    edit_arrays(category, name, change)
    assert f"{name}: {message}" in refusal(category)


FORECAST_ARRAYS: dict[str, tuple[str, Change, str]] = {
    "reports below 0": ("forecast.npz", lambda a: a["area_mean"].__setitem__((0, 3), -1), "area_mean: expected values"),
    "reports of none": ("forecast.npz", lambda a: a.update(area_mean=a["area_mean"] * np.nan), "area_mean: not every"),
    "fewer days": ("forecast.npz", lambda a: a.update(area_mean=a["area_mean"][:, :7]), "area_mean: expected 28"),
    "fewer places": ("forecast.npz", lambda a: a.update(area_mean=a["area_mean"][:1]), "area_mean: expected"),
    "areas in no order": (
        "forecast.npz",
        lambda a: a.update(area_ids=a["area_ids"][::-1]),
        "area_ids: expected places",
    ),
    "an area twice": ("forecast.npz", lambda a: a["area_ids"].__setitem__(0, 6), "area_ids: expected places"),
    "no city": ("forecast.npz", lambda a: a.pop("city_ids"), "has no array city_ids"),
    "shares of no whole": ("forecast.npz", lambda a: a["city_share"].__setitem__((0, 0), 0), "city_share: shares"),
    "expectations in no order": ("forecast.npz", lambda a: a.update(grid=a["grid"][::-1]), "grid: expected"),
    "intervals in no order": (
        "forecast.npz",
        lambda a: a.update(area_all=a["area_all"][::-1]),
        "area_all: expected the interval of 80 % within that of 95 %",
    ),
    "half of the intervals": ("forecast.npz", lambda a: a.pop("area_both_7"), "has area_all_7, but not all"),
    "half of the past": ("forecast.npz", lambda a: a.pop("city_outcome"), "has only one of city_past and city_outcome"),
    "districts without shares": ("forecast.npz", lambda a: a.pop("district_share"), "has no array district_share"),
    "a week of other areas": ("week.npz", lambda a: a["ids"].__setitem__(1, 2), "ids: expected the city and the areas"),
    "an unusual place of none": ("week.npz", lambda a: a["unusual_place"].__setitem__((0, 1), 7), "unusual_place"),
    "a kind of report of none": ("week.npz", lambda a: a["unusual_place"].__setitem__((0, 2), 8), "unusual_place"),
    "a chance above 1": (
        "week.npz",
        lambda a: a["ratio"].__setitem__((3, 0, 0, 0, 0), 2),
        "ratio: p is no probability",
    ),
    "reports still to come of none": ("week.npz", lambda a: a["corrected"].fill(np.inf), "corrected: expected values"),
    "fewer weeks": (
        "week.npz",
        lambda a: a.update(week_reports=a["week_reports"][..., :9]),
        "week_reports: expected 52",
    ),
}


@pytest.mark.parametrize("what", FORECAST_ARRAYS)
def test_arrays_of_a_forecast_are_refused_by_their_name(what: str, forecast: Path) -> None:
    name, change, message = FORECAST_ARRAYS[what]
    edit_arrays(forecast, name, change)
    assert f"{name}: {message}" in refusal(forecast)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"area": 1}', '{"area": {"6": {"a": 1.5}}}', '{"x": {}}', '{"area": {"x": {}}}']
)
def test_features_of_places_that_are_none_are_refused(text: str, forecast: Path) -> None:
    (forecast / "online.json").write_text(text)
    fit_hashes(forecast)
    assert "online.json: is no table of features" in refusal(forecast)


def test_trees_that_are_cut_off_are_refused_of_the_judged_model_too(category: Path) -> None:
    for name in ("weapon.txt", "judged_weapon.txt"):
        whole = (category / name).read_bytes()
        (category / name).write_bytes(whole[: len(whole) // 2])
        fit_hashes(category)
        assert f"{name}: tree " in refusal(category)
        (category / name).write_bytes(whole)
    fit_hashes(category)
    CATEGORY.open(category).judged()


@pytest.mark.parametrize("name", ["spec.json", "forecast.npz"])
@pytest.mark.parametrize("what", ["link", "loop", "pipe", "folder"])
def test_only_regular_files_of_the_bundle_are_read(what: str, name: str, forecast: Path, tmp_path: Path) -> None:
    """In a process of its own: what waits for a pipe's writer waits forever."""
    path = forecast / name
    path.rename(tmp_path / "elsewhere")
    match what:
        case "link":
            path.symlink_to(tmp_path / "elsewhere")
        case "loop":
            path.symlink_to(path)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
    code = "import sys; from pathlib import Path; from crime.registry.kinds import FORECAST as kind; "
    code += "kind.open(Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, forecast], capture_output=True, text=True, timeout=60)
    assert f"BundleError: no model bundle in {forecast}: {name}" in done.stderr.splitlines()[-1]


def test_a_large_file_is_not_read(forecast: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUNDLE_FILE_BYTES", 100)
    assert "forecast.npz has more than 100 bytes" in refusal(forecast)
    monkeypatch.undo()
    monkeypatch.setattr(limits, "BUNDLE_BYTES", 100)
    assert "has more than 100 bytes" in refusal(forecast)


def test_a_spec_without_a_format_is_of_an_earlier_release_and_written_without(category: Path, forecast: Path) -> None:
    edit_spec(category, lambda spec: spec.pop("format"))
    model = CATEGORY.open(category)
    assert model.spec.format == 1
    assert "format" not in model.spec.as_json()
    assert FORECAST.open(forecast).spec.format == 1


def test_what_a_check_overlooks_is_a_bundle_error_that_names_it(
    forecast: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*arguments: object) -> None:
        raise ZeroDivisionError("of nothing")

    monkeypatch.setattr("crime.forecaster.bundle.ForecastArrays.read", faulty)
    assert "ZeroDivisionError: of nothing" in refusal(forecast)
