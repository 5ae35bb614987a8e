"""Plots of a model's held-out reports, logged to its MLflow run: confusion matrices and calibration curves."""

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crime.classifier.bundle import CategoryBundle
from crime.metrics.classification import CalibrationBin
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.schema import DETAIL_LEVELS


def draw_plots(model: CategoryBundle) -> Iterator[tuple[str, Figure]]:
    """Artifact path and figure of each plot."""
    for level, level_name in DETAIL_LEVELS.items():
        figure, axes = _new_figure(left=0.31, bottom=0.31)  # room for the categories' names
        _draw_confusion(axes, model.spec.confusion[level], level_name)
        yield f"plots/confusion_{level}.png", figure
        figure, axes = _new_figure(left=0.1, bottom=0.1)
        _draw_calibration(axes, model.spec.calibration[level], level_name)
        yield f"plots/calibration_{level}.png", figure


def _new_figure(left: float, bottom: float) -> tuple[Figure, Axes]:
    """`left`, `bottom`: margins for labels, as shares of the figure's width and height."""
    figure = Figure(figsize=(7, 6))  # a layout of matplotlib's own would draw everything twice
    figure.subplots_adjust(left, bottom, right=0.97, top=0.94)
    return figure, figure.add_subplot()


def _draw_confusion(axes: Axes, confusion: list[list[int]], level: str) -> None:
    """`confusion` (7, 7): a row for each true category."""
    shares = [[count / (sum(row) or 1) for count in row] for row in confusion]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(confusion):
        for j, count in enumerate(row):
            axes.text(j, i, str(count), ha="center", va="center", color="white" if shares[i][j] > 0.5 else "black")
    ticks = range(len(CATEGORY_NAMES))
    axes.set_xticks(ticks, CATEGORY_NAMES, rotation=45, ha="right")
    axes.set_yticks(ticks, CATEGORY_NAMES)
    axes.set(xlabel="predicted", ylabel="reported", title=f"Held-out reports, known: {level}")


def _draw_calibration(axes: Axes, bins: list[CalibrationBin], level: str) -> None:
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--")
    axes.plot([bin_.confidence for bin_ in bins], [bin_.accuracy for bin_ in bins], marker="o")
    axes.set(xlabel="probability given", ylabel="share that was right", title=f"Calibration, known: {level}")
    axes.set(xlim=(0, 1), ylim=(0, 1))
