"""What commands print of forecasts, backtests, drift and tuning."""

import json
from pathlib import Path

import pytest
from crime.cli import console, rendering
from crime.forecaster.bundle import ForecastBundle
from crime.forecaster.spec import BacktestSummary, MethodScores
from crime.metrics.drift import FeatureDrift
from crime.monitoring.drift_report import DriftReport
from crime.monitoring.estimated_performance import Estimate, EstimatedWeek
from crime.monitoring.performance import WeeklyPerformance
from crime.pipelines.tune import TuningResult
from crime.reports.tally import Tally
from written_forecast import write_forecast


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    for output in (console.out, console.err):
        monkeypatch.setattr(output, "width", 200)


def simulated_tally() -> Tally:
    tally = Tally()
    tally.rows = tally.simulated = 100
    return tally


def method_scores(deviance: float) -> MethodScores:
    return MethodScores(**{**dict.fromkeys(MethodScores.model_fields, 0.5), "deviance": deviance})


def test_whatever_rests_on_simulated_reports_is_marked() -> None:
    assert rendering.simulated(Tally()) == ""
    assert rendering.simulated(simulated_tally()) == "SIMULATED: "


def test_a_backtest_has_a_row_for_each_method(capsys: pytest.CaptureFixture[str]) -> None:
    methods = {"crime-risk": method_scores(1.0), "mean": method_scores(1.25)}
    summary = BacktestSummary(
        by="area", every="day", origins=9, methods=methods, chosen="crime-risk", gain=0.2, reached=0.9
    )
    rendering.print_backtest(summary, simulated_tally())
    lines = capsys.readouterr().out.splitlines()
    assert "SIMULATED: reports by area and day, 9 origins" in lines[0]
    assert any("mean" in line and "1.250" in line for line in lines)
    assert lines[-2] == "deviance +20.0% better than the best baseline; chosen: crime-risk"
    assert lines[-1] == "90% of the way from the best baseline to the truth"


def test_drift_marks_features_and_shows_weeks(capsys: pytest.CaptureFixture[str]) -> None:
    report = DriftReport(
        model_name="crime-category",
        model_version="3",
        reports=1_000,
        since=None,
        drifted=True,
        features=[
            FeatureDrift("area", 1_000, 0.3, 0.2, 1e-9, [], True),
            FeatureDrift("hour", 990, 0.01, 0.02, 0.4, []),
        ],
        history=[],
        performance=[WeeklyPerformance("2024-01-04", "3", True, 1_200, 0.9, 0.3, 0.01)],
        estimated=[EstimatedWeek("2024-01-04", "3", 1_250, Estimate(0.91, 0.89, 0.93), Estimate(0.28, 0.2, 0.36))],
    )
    rendering.print_drift(report)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "area" in line and "drifted" in line]
    assert not [line for line in lines if "hour" in line and "drifted" in line]
    assert lines[-2] == (
        "week of 2024-01-04, version 3: 1,250 predictions, expected accuracy 0.910 (0.890 to 0.930), "
        "log loss 0.280 (0.200 to 0.360)"
    )
    assert lines[-1] == (
        "week of 2024-01-04, version 3 (shadow): 1,200 labels, accuracy 0.900, log loss 0.300, calibration error 0.010"
    )


def test_tuning_shows_losses_and_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    rendering.print_tuning(TuningResult(loss=0.5, default=0.6, finished=3, pruned=1, parameters={"num_leaves": 15}))
    assert capsys.readouterr().out.splitlines() == [
        "log loss 0.5000, 0.6000 with the default parameters; 3 trials finished, 1 pruned",
        "  num_leaves 15",
    ]


def test_repairs_and_rejections_are_notes_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally()
    tally.rows = 1_234
    tally.repaired["LAT unreadable, taken as not known"] = 2
    rendering.print_tally(tally)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [
        "1,234 rows read, 0 rejected, 2 cells repaired",
        "  repaired 2: LAT unreadable, taken as not known",
    ]


def test_a_forecast_lists_areas_the_busiest_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bundle = ForecastBundle(write_forecast(tmp_path / "bundle"))
    rendering.print_forecast(bundle, "3", 28, simulated_tally())
    text = capsys.readouterr().out
    title, _, rows = text.partition("┏")
    lines = rows.splitlines()
    assert " ".join(title.split()) == (
        "SIMULATED: crime-risk version 3: expected reports on 2021-01-01, with intervals"
    )
    busiest, other = (line for line in lines if "Hollywood (6)" in line or "Central (1)" in line)
    assert [cell.strip() for cell in busiest.strip("│").split("│")] == [
        "Hollywood (6)", "20.0", "18 to 22", "16 to 24", "560",
    ]  # fmt: skip
    assert "Central (1)" in other


def test_a_forecast_as_json_has_every_day_of_every_area(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rendering.print_forecast_json(ForecastBundle(write_forecast(tmp_path / "bundle")), "3", 2, simulated_tally())
    summary = json.loads(capsys.readouterr().out)
    assert (summary["version"], summary["made_at"], summary["simulated"]) == ("3", "2020-12-31", True)
    assert set(summary["areas"]) == {"1", "6"}
    first, second = summary["areas"]["6"]
    assert first == {"date": "2021-01-01", "mean": 20.0, "low80": 18, "high80": 22, "low95": 16, "high95": 24}
    assert second["date"] == "2021-01-02"
