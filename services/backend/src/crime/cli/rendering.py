"""What the commands print: tables for people on stdout, notes on stderr, one line of JSON for programs."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table
from rich.text import Text

from crime.cli.console import err, out

if TYPE_CHECKING:  # the commands import these when they run: the help must not wait for them
    from crime.classifier.bundle import CategoryBundle
    from crime.forecaster.bundle import ForecastBundle
    from crime.forecaster.spec import BacktestSummary
    from crime.monitoring.drift_report import DriftReport
    from crime.pipelines.review import ReviewSummary
    from crime.pipelines.tune import TuningResult
    from crime.registry.audit import Decision
    from crime.reports.table import Reports
    from crime.reports.tally import Tally

Scores = dict[str, dict[str, float]]  # metrics by detail level, `overall` first


def _table(title: str, *columns: str, left: tuple[str, ...] = ()) -> Table:
    """A table whose columns are right-justified, but for those in `left`."""
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="left" if column in left else "right")
    return table


def simulated(tally: "Tally") -> str:
    """The mark before the title of a table that was made from simulated reports."""
    return "SIMULATED: " if tally.simulated else ""


def print_tally(tally: "Tally") -> None:
    err.print(f"{tally.rows:,} rows read, {tally.rejected_rows:,} rejected, {tally.repaired.total():,} cells repaired")
    if tally.unread:
        err.print(f"  columns not read: {', '.join(tally.unread)}", highlight=False, markup=False)
    if tally.merged:
        err.print(f"  {tally.merged:,} offenses are one report with another of the same case and category")
    for kind, count in tally.repaired.most_common():
        err.print(f"  repaired {count:,}: {kind}", highlight=False)
    for reason, count in tally.rejected.most_common():
        examples = ", ".join(f"row {row}: {cell!r}" if row else cell for row, cell in tally.examples[reason])
        err.print(f"  rejected {count:,}: {reason} ({examples})", highlight=False, markup=False)


def print_scores(scores: Scores, title: str) -> None:
    from crime.reports.schema import DETAIL_LEVELS

    table = _table(title, "known", "accuracy", "weighted F1", "macro AUC", "log loss", "ECE", left=("known",))
    for level, name in [("overall", "reports as they are"), *DETAIL_LEVELS.items()]:
        table.add_row(name, *(f"{value:.3f}" for value in scores[level].values()))
    out.print(table)


def print_scores_by_system(by_system: dict[str, Scores]) -> None:
    """A table for each report system; none where all reports are of one."""
    from crime.reports.systems import SYSTEM_NAMES

    for system, name in SYSTEM_NAMES.items():
        if system in by_system:
            print_scores(by_system[system], f"of these, by {name}")


def print_bayes_limits(limits: dict[str, float], scores: Scores) -> None:
    """On a simulated table: the log loss beside that of a model that knows how the reports were drawn."""
    for level, limit in limits.items():
        loss = scores[level]["log_loss"]
        out.print(f"{level}: log loss {loss:.4f}, Bayes limit {limit:.4f}, {loss / limit - 1:+.1%}", highlight=False)


def print_seen(model: "CategoryBundle", reports: "Reports") -> None:
    """Warn of reports from the time that the model was trained on: it may have learnt from these very reports."""
    from crime.core.days import day_number

    data, days = model.spec.data, reports.fields["date_occ"]
    seen = int(((days >= day_number(data.first_day)) & (days <= day_number(data.until))).sum())
    if seen:
        held_out = model.spec.metrics["overall"]["log_loss"]
        err.print(
            f"{seen:,} of these reports are from the time that version {model.version} was trained on, "
            f"{data.first_day} to {data.until}. If it was trained on these very reports, the figures flatter it: on "
            f"reports held out of training the log loss was {held_out:.3f}",
            highlight=False,
            soft_wrap=True,
        )


def print_score_json(
    model: "CategoryBundle",
    reports: int,
    tally: "Tally",
    scores: Scores,
    by_system: dict[str, Scores],
    limits: dict[str, float],
) -> None:
    summary: dict[str, Any] = {
        "model": model.name,
        "version": model.version,
        "rows": reports,
        "rejected": tally.rejected_rows,
        "overall": scores["overall"],
        "levels": {level: metrics for level, metrics in scores.items() if level != "overall"},
    }
    optional = {"by_system": by_system, "bayes_log_loss": limits}
    typer.echo(json.dumps(summary | {name: value for name, value in optional.items() if value}))


def print_tuning(result: "TuningResult") -> None:
    out.print(
        f"log loss {result.loss:.4f}, {result.default:.4f} with the default parameters; "
        f"{result.finished} trials finished, {result.pruned} pruned",
        highlight=False,
    )
    for name, value in result.parameters.items():
        out.print(f"  {name} {value:.4g}", highlight=False)


def print_forecast(bundle: "ForecastBundle", version: str, horizon: int, tally: "Tally") -> None:
    """The first day by area, the busiest first, and how the backtest went."""
    import numpy as np

    from crime.core.days import day_text
    from crime.reports.codes import code_names

    means = bundle.expected("area", np.arange(horizon))
    bounds, areas = bundle.bounds("area", means), bundle.places["area"].ids.tolist()
    first_day = day_text(bundle.origin + 1)
    title = f"{simulated(tally)}{bundle.name} version {version}: expected reports on {first_day}, with intervals"
    table = _table(title, "area", "expected", "80 %", "95 %", f"in {horizon} days", left=("area",))
    for row in np.argsort(-means[:, 0]):
        low80, high80, low95, high95 = bounds[:, row, 0]
        table.add_row(
            f"{code_names('area').get(str(areas[row]), '')} ({areas[row]})",
            f"{means[row, 0]:.1f}",
            f"{low80:.0f} to {high80:.0f}",
            f"{low95:.0f} to {high95:.0f}",
            f"{means[row].sum():.0f}",
        )
    out.print(table)
    for kind, summary in bundle.spec.backtest.items():
        gain, origins = summary.gain, summary.origins
        out.print(f"by {kind}: deviance {gain:+.1%} better than the best baseline over {origins} origins")


def print_forecast_json(bundle: "ForecastBundle", version: str, horizon: int, tally: "Tally") -> None:
    import numpy as np

    from crime.core.days import day_text
    from crime.forecaster.bundle import INTERVAL_BOUNDS

    means = bundle.expected("area", np.arange(horizon))
    bounds = bundle.bounds("area", means)

    def day(row: int, step: int) -> dict[str, Any]:
        interval = {name: float(bounds[bound, row, step]) for bound, name in enumerate(INTERVAL_BOUNDS)}
        return {"date": day_text(bundle.origin + 1 + step), "mean": round(float(means[row, step]), 4)} | interval

    summary = {
        "model": bundle.name,
        "version": version,
        "rows": tally.rows,
        "rejected": tally.rejected_rows,
        "simulated": bool(tally.simulated),
        "made_at": day_text(bundle.origin),
        "horizon": horizon,
        "areas": {
            str(area): [day(row, step) for step in range(horizon)]
            for row, area in enumerate(bundle.places["area"].ids.tolist())
        },
    }
    typer.echo(json.dumps(summary))


def print_backtest(summary: "BacktestSummary", tally: "Tally") -> None:
    metrics = ("deviance", "pinball", "hit5", "hit20", "pai20", "pei20", "coverage80", "coverage95")
    title = f"{simulated(tally)}reports by {summary.by} and {summary.every}, {summary.origins} origins"
    table = _table(title, "method", *metrics, left=("method",))
    for method, scores in summary.methods.items():
        table.add_row(method, *(f"{getattr(scores, metric):.3f}" for metric in metrics))
    out.print(table)
    out.print(f"deviance {summary.gain:+.1%} better than the best baseline; chosen: {summary.chosen}", highlight=False)
    if summary.reached is not None:
        out.print(f"{summary.reached:.0%} of the way from the best baseline to the truth", highlight=False)


def print_decisions(decisions: Sequence["Decision"]) -> None:
    """One line a decision. Texts are as somebody wrote them: never markup, and on one line."""
    for decision in decisions:
        shown = decision.as_json()
        outcome = f"{shown['outcome']}: {decision.problem}" if decision.problem else shown["outcome"]
        why = f" ({decision.reason})" if decision.reason else ""
        line = (
            f"{decision.time[:19]} {decision.action} {decision.model} {decision.version}, {decision.by}{why}: {outcome}"
        )
        out.print(Text("".join(character if character.isprintable() else " " for character in line)), soft_wrap=True)


def print_drift(report: "DriftReport") -> None:
    title = f"{report.reports:,} predictions against the training data of {report.model_name} {report.model_version}"
    table = _table(title, "feature", "reports", "PSI", "JS distance", "p", "", left=("feature", ""))
    for drift in report.features:
        mark = "[red]drifted" if drift.drifted else ""
        table.add_row(
            drift.feature, f"{drift.reports:,}", f"{drift.psi:.3f}", f"{drift.js:.3f}", f"{drift.p:.1e}", mark
        )
    out.print(table)
    for estimate in report.estimated:
        accuracy, log_loss = estimate.accuracy, estimate.log_loss
        out.print(
            f"week of {estimate.week}, version {estimate.version}: {estimate.reports:,} predictions, expected accuracy "
            f"{accuracy.expected:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f}), log loss {log_loss.expected:.3f} "
            f"({log_loss.low:.3f} to {log_loss.high:.3f})",
            highlight=False,
        )
    for week in (performance.as_json() for performance in report.performance):
        out.print(
            f"week of {week['week']}, version {week['version']}: {week['reports']:,} labels, accuracy "
            f"{week['accuracy']:.3f}, log loss {week['log_loss']:.3f}, calibration error {week['ece']:.3f}",
            highlight=False,
        )


def print_review(summary: "ReviewSummary", tally: "Tally") -> None:
    """The kinds of doubt among the first 1 %, and how many of the first N to expect to be wrong."""
    first = ", ".join(f"{count:,} {kind}" for kind, count in summary.kinds.items() if count)
    out.print(f"{simulated(tally)}the first 1 % of {summary.reviewed:,} records: {first}", highlight=False)
    table = _table("wrong codes among the first records", "first", "of planted errors", "if 1 % are wrong", "at most")
    for depth in summary.depths:
        low, high = min(depth.found.values()), max(depth.found.values())
        table.add_row(
            f"{depth.records:,}",
            f"{low:.1%} to {high:.1%}",
            "{:,.1f} to {:,.1f}".format(*depth.wrong_if_1_percent),
            "{:,.1f} to {:,.1f}".format(*depth.wrong_at_most),
        )
    if summary.depths:
        out.print(table)
