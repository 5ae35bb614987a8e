"""Reading, features, training and batch prediction as tables grow, compared with DuckDB and bare LightGBM.

Every step runs on a simulated city's CSV of all 28 columns, in a process of its own to measure its peak memory.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from crime.classifier.bundle import CategoryBundle
from crime.features.store import build_feature_store
from crime.pipelines.score_table import score_file
from crime.reports.files import load_reports, parse_block, read_blocks
from crime.reports.history import read_history
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.tally import Tally
from crime.simulation.city import SimulatedCity
from crime.simulation.settings import CitySettings
from crime.simulation.tables import write_city
from crime.training.classifier.table import TrainingTable, build_training_table, fit_encoder
from crime.training.classifier.train import LARGE_TABLE, split_by_time, train_category_model
from crime.training.classifier.trees import LARGE_TABLE_PARAMETERS, TREE_PARAMETERS, fit_level
from lightgbm import Booster
from rich.console import Console
from rich.table import Table
from scipy import sparse

REPEATS = 3  # of steps that take seconds


@dataclass(frozen=True)
class TimedTable(TrainingTable):
    """A training table that knows how long its inputs took: `spent`, seconds."""

    spent: list[float] = field(default_factory=list)

    def inputs(self, level: DetailLevel, masked: np.ndarray, first: int = 0) -> sparse.csr_matrix:
        start = time.perf_counter()
        inputs = super().inputs(level, masked, first)
        self.spent.append(time.perf_counter() - start)
        return inputs


def read(path: Path, folder: Path) -> None:
    tally = Tally()
    for block in read_blocks(path, tally):
        parse_block(block, tally)


def duckdb(path: Path, folder: Path) -> None:
    import duckdb

    duckdb.sql(f"CREATE TABLE reports AS SELECT * FROM read_csv('{path}', all_varchar = true)")


def features(path: Path, folder: Path) -> None:
    for _ in build_feature_store(read_history(path, Tally()), folder / "features"):
        pass


def train(path: Path, folder: Path) -> None:
    tally = Tally()
    train_category_model(load_reports(path, tally), tally, folder / "bundle")


def lightgbm(path: Path, folder: Path) -> float:
    """The same judged model and the one that answers; only LightGBM's own work counts."""
    reports = load_reports(path, Tally())
    reports.sort()
    is_large = len(reports) >= LARGE_TABLE
    parameters = {**(LARGE_TABLE_PARAMETERS if is_large else TREE_PARAMETERS), "seed": 0}
    seconds, rounds = 0.0, None
    for part in (split_by_time(reports)[0], reports):
        table, _ = build_training_table(part, fit_encoder(part.fields), parameters, is_large)
        timed = TimedTable(**vars(table))
        start = time.perf_counter()
        models = {level: fit_level(timed, level, rounds_of=rounds) for level in DETAIL_LEVELS}
        seconds += time.perf_counter() - start - sum(timed.spent)
        rounds = {level: Booster(model_str=text).current_iteration() for level, text in models.items()}
    return seconds


def predict(path: Path, folder: Path) -> None:
    score_file(CategoryBundle(folder / "bundle"), path, folder / "answers.parquet", Tally())


def trees(path: Path, folder: Path) -> float:
    """LightGBM's own batch prediction of the same rows, from ready arrays."""
    model, reports = CategoryBundle(folder / "bundle"), load_reports(path, Tally(), labelled=False)
    booster, seconds = Booster(model_file=folder / "bundle" / "report.txt"), 0.0
    for first in range(0, len(reports), 30_000):
        block = reports.take(slice(first, first + 30_000))
        inputs = model.matrix(block.fields, len(block))[:, model.columns["report"]]
        start = time.perf_counter()
        booster.predict(inputs)
        seconds += time.perf_counter() - start
    return seconds


STEPS: dict[str, Callable[[Path, Path], float | None]] = {
    "read": read, "duckdb": duckdb, "features": features, "train": train, "lightgbm": lightgbm, "predict": predict,
    "trees": trees,
}  # fmt: skip


def measure_step(step: str, path: Path, folder: Path, repeats: int = 1) -> tuple[list[float], float]:
    """Seconds of each run, and the peak memory in MB."""
    runs = []
    for _ in range(repeats):
        process = subprocess.run(
            [sys.executable, __file__, step, str(path), str(folder)], capture_output=True, text=True, check=True
        )
        runs.append(json.loads(process.stdout.splitlines()[-1]))
    return [run["seconds"] for run in runs], max(run["mb"] for run in runs)


def main(sizes: list[int]) -> None:
    console = Console()
    table = Table("rows", "step", "seconds", "µs a row", "peak MB", "compared")
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rows in sizes:
            path = folder / "reports.csv"
            write_city(SimulatedCity(CitySettings(1, rows)), path)
            steps: dict[str, Any] = {}
            for step in ("read", "duckdb", "features", "train", "lightgbm", "predict", "trees"):
                quick = step not in ("train", "lightgbm")
                seconds, mb = measure_step(step, path, folder, REPEATS if quick and rows <= 1_000_000 else 1)
                steps[step] = {"seconds": seconds, "mb": mb}
            for step, peer in (("read", "duckdb"), ("features", ""), ("train", "lightgbm"), ("predict", "trees")):
                seconds = median(steps[step]["seconds"])
                compared = f"{seconds / median(steps[peer]['seconds']):.2f} times {peer}" if peer else ""
                memory = f"{steps[step]['mb']:,.0f}"
                table.add_row(f"{rows:,}", step, f"{seconds:,.1f}", f"{seconds / rows * 1e6:.1f}", memory, compared)
            results[str(rows)] = steps
            console.print(table)
            Path("benchmark-tables.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1] in STEPS:
        start = time.perf_counter()
        seconds = STEPS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
        seconds = time.perf_counter() - start if seconds is None else seconds
        print(json.dumps({"seconds": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
    else:
        main([int(rows) for rows in sys.argv[1:]])
