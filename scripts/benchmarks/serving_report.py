"""The report of the serving benchmark: tables, aims that were met or missed, and JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from benchmarks.servers import CLIENTS, Server

if TYPE_CHECKING:
    from benchmarks.serving import Measurements

MAX_READY_SECONDS, MAX_READY_MEGABYTES = 2, 200
# over their base
MAX_IMAGE_MEGABYTES = {
    "crime-backend:dev": 150, "crime-frontend:dev": 250, "crime-mlflow:dev": 350, "crime-training:dev": 600,
}  # fmt: skip


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median, least and most."""
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(numerators, denominators, strict=True)]


class ServingReport:
    """`figures`: values of each repeat by name; `aims`: whether each was met."""

    def __init__(self, measured: "Measurements", lasting: int, many_clients: int):
        self.measured = measured
        self.lasting, self.many_clients = lasting, many_clients
        self.figures = self._figures()
        self.aims = self._aims()

    @property
    def acceptable(self) -> bool:
        """Whether the two aims that a release must meet are met."""
        return self.aims["ready in 2 s"] and self.aims["200 MB when ready"]

    def _figures(self) -> dict[str, list[float]]:
        m = self.measured
        batch = {name: ratios(rates, m.rows["LightGBM"]) for name, rates in m.rows.items() if name != "LightGBM"}
        by_v2 = {peer.name: ratios(m.v2_rates, peer.rates) for peer in m.peers if peer.name == "MLServer"}
        return {
            "of parse and answer": ratios(m.ours.rates, m.limit.rates),
            "by /v2, requests/s": m.v2_rates,
            **{f"by /v2, of {name}'s requests/s": shares for name, shares in by_v2.items()},
            "LightGBM's single-row calls/s": [m.single_row],
            "predictions in the time of an explanation": ratios(m.ours.rates, m.explain_rates),
            f"goodput of {self.many_clients} clients to {CLIENTS}": [many.rate / few.rate for few, many in m.crowd],
            f"p99 of {self.many_clients} clients to {CLIENTS}": [
                many.percentile(0.99) / few.percentile(0.99) for few, many in m.crowd
            ],
            **{f"{name}, rows/s": rates for name, rates in m.rows.items()},
            **{f"{name} of LightGBM's rows/s": shares for name, shares in batch.items()},
            "MB ready": [m.memory_ready],
            f"MB after {self.lasting:,} more requests": [m.memory_after_lasting],
            "MB that these requests added": [m.memory_after_lasting - m.memory_before_lasting],
            "MB after tables": [m.memory_after_tables],
            **{f"{image} over its base, MB": [size] for image, size in m.image_sizes.items()},
        }

    def _aims(self) -> dict[str, bool]:
        m, figures = self.measured, self.figures
        aims = {
            "ready in 2 s": median(m.ours.ready) <= MAX_READY_SECONDS,
            "200 MB when ready": m.memory_ready <= MAX_READY_MEGABYTES,
        }
        by_name = {peer.name: peer for peer in m.peers}
        for name, times in (("mlflow models serve", 20), ("MLServer", 5)):
            if name in by_name:
                aims[f"{times} times {name}"] = median(ratios(m.ours.rates, by_name[name].rates)) >= times
        if m.peers:
            best_p95 = min(median(peer.p95) for peer in m.peers)
            quickest = min(median(peer.ready) for peer in m.peers)
            aims["p95 a fifth of the best peer's"] = median(m.ours.p95) <= best_p95 / 5
            aims["ready in a third of the quickest peer's time"] = median(m.ours.ready) <= quickest / 3
            aims["less memory than the smallest peer"] = m.memory_after_lasting < min(p.memory for p in m.peers)
        aims["65 % of parse and answer"] = median(figures["of parse and answer"]) >= 0.65
        aims["memory flat"] = m.memory_after_lasting - m.memory_before_lasting <= 5
        explanations = figures["predictions in the time of an explanation"]
        aims["an explanation in 5 predictions' time"] = median(explanations) <= 5
        goodput = figures[f"goodput of {self.many_clients} clients to {CLIENTS}"]
        aims["90 % of the goodput at five times the clients"] = median(goodput) >= 0.9
        p99 = figures[f"p99 of {self.many_clients} clients to {CLIENTS}"]
        aims["p99 at five times the clients within five times"] = median(p99) <= 5
        batch = max(median(figures[f"{name} of LightGBM's rows/s"]) for name in ("Arrow", "JSON"))
        aims["90 % of LightGBM's rows a second in a batch"] = batch >= 0.9
        for image, most in MAX_IMAGE_MEGABYTES.items():
            if image in m.image_sizes:
                aims[f"{image} {most} MB over its base"] = m.image_sizes[image] <= most
        return aims

    def print(self) -> None:
        console = Console()
        m = self.measured
        table = Table("server", f"requests/s, {CLIENTS} clients", "ours, times as many", "p95, ms", "MB", "ready, s")
        for server in (m.ours, *m.peers, m.limit):
            table.add_row(
                server.name,
                spread(server.rates),
                spread(ratios(m.ours.rates, server.rates), 2),
                spread(server.p95, 1),
                f"{server.memory:.0f}",
                spread(server.ready, 1),
            )
        for name, why in m.missing.items():
            table.add_row(name, f"not available: {why}")
        console.print(table)
        table = Table("figure", "median (least to most)")
        for name, values in self.figures.items():
            table.add_row(name, spread(values, 0 if median(values) >= 100 else 2))
        console.print(table)
        for aim, met in self.aims.items():
            console.print(f"{'met   ' if met else 'MISSED'} {aim}", highlight=False)

    def write(self, path: Path) -> None:
        m = self.measured

        def as_json(server: Server) -> dict[str, float | list[float]]:
            return {
                "requests_per_s": server.rates,
                "p95_ms": server.p95,
                "memory_mb": server.memory,
                "ready_s": server.ready,
            }

        servers = {server.name: as_json(server) for server in (m.ours, m.limit, *m.peers)}
        result = {"servers": servers, "missing": m.missing, "figures": self.figures, "aims": self.aims}
        path.write_text(json.dumps(result, indent=1) + "\n")
