"""LightGBM's trees for many reports at once, with NumPy: the same sums, bit for bit, in a third of the library's time.

The thresholds of an input divide its values into ranges. For each range a table holds the leaves that are possible in
each tree, as bits. AND over all inputs leaves one leaf of each tree.
Lucchese et al.: QuickScorer, a fast algorithm to rank documents with additive ensembles of regression trees, 2015.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from crime.classifier.tree_check import Split, TreeText, leaf_values, splits_of
from crime.core import limits

ROWS_PER_BLOCK = 1_024  # reports at a time, so that their bits stay in the processor's cache
ROWS_PER_SUM = 256  # the same for the values of their leaves
SWITCH_RANGES = 3  # of an input with one threshold: low, high, not known
TOGETHER = 4  # such inputs that are looked up in one table


@dataclass(frozen=True)
class _Input:
    """An input that trees split by. `thresholds` (n,): float32, ascending, the last one infinite.

    Range r has the values above threshold r - 1 up to threshold r; the last range, n, is what is not known.
    `leaves` (n + 1, trees): those that are possible in each range, as bits.
    """

    column: int
    thresholds: np.ndarray
    leaves: np.ndarray


class Forest:
    """The trees of a multiclass model; tree t counts for class t modulo the number of classes."""

    def __init__(self, trees: TreeText, classes: int):
        """Raises `ValueError` if the tables would be too large, or for splits of a kind that training does not make."""
        values = leaf_values(trees)
        self.classes, self.trees = classes, len(values)
        leaves = max(map(len, values))
        kinds = [kind for kind in (np.uint8, np.uint16, np.uint32, np.uint64) if np.iinfo(kind).bits >= leaves]
        if not kinds:
            raise ValueError("expected trees of at most 64 leaves")
        self._kind = kinds[0]
        self._all_leaves = np.array([(1 << len(of_tree)) - 1 for of_tree in values], self._kind)
        self._values = np.zeros((self.trees, leaves))
        for tree, of_tree in enumerate(values):
            self._values[tree, : len(of_tree)] = of_tree
        self._first_value = np.arange(0, self._values.size, leaves)[:, None]
        by_column: dict[int, list[Split]] = {}
        for split in splits_of(trees):
            by_column.setdefault(split.feature, []).append(split)
        if sum(map(_table_rows, by_column.values())) * self._all_leaves.nbytes > limits.FOREST_BYTES:
            raise ValueError("expected trees whose tables take less memory")
        inputs = [self._input(column, splits) for column, splits in by_column.items()]
        self._inputs = [of_trees for of_trees in inputs if len(of_trees.leaves) != SWITCH_RANGES]
        self._add_switches([of_trees for of_trees in inputs if len(of_trees.leaves) == SWITCH_RANGES])

    def _input(self, column: int, splits: list[Split]) -> _Input:
        exact = np.array([split.threshold for split in splits])
        with np.errstate(over="ignore"):
            rounded = exact.astype(np.float32)
        # Round thresholds down to float32: a float32 input then falls on the same side as with the exact threshold.
        rounded = np.where(rounded > exact, np.nextafter(rounded, np.float32(-np.inf)), rounded)
        thresholds = np.unique(np.append(rounded, np.float32(np.inf)))
        leaves = np.full((len(thresholds) + 1, self.trees), ~np.uint64(0))
        for split, last_left in zip(splits, np.searchsorted(thresholds, rounded).tolist(), strict=True):
            left, right = ~np.uint64(split.right_leaves), ~np.uint64(split.left_leaves)
            leaves[: last_left + 1, split.tree] &= left
            leaves[last_left + 1 : -1, split.tree] &= right
            leaves[-1, split.tree] &= left if split.unknown_goes_left else right
        return _Input(column, thresholds, leaves.astype(self._kind))

    def _add_switches(self, switches: list[_Input]) -> None:
        """Tables of the inputs with one threshold, each for the combined ranges of some of them."""
        padding = _Input(0, np.full(2, np.inf, np.float32), np.full((SWITCH_RANGES, self.trees), ~self._kind(0)))
        switches = switches + [padding] * (-len(switches) % TOGETHER)
        self._switch_columns = np.array([switch.column for switch in switches], int)
        self._switch_thresholds = np.array([switch.thresholds[0] for switch in switches], np.float32)[:, None]
        count = len(switches) // TOGETHER
        self._switch_leaves = []
        for first in range(count):
            combined = np.full((1, self.trees), ~self._kind(0))
            for switch in switches[first::count]:
                combined = (combined[:, None] & switch.leaves).reshape(-1, self.trees)
            self._switch_leaves.append(combined)

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Probabilities (rows, classes) of a float32 matrix (rows, features)."""
        scores = self.scores(matrix)
        scores -= scores.max(0)
        np.exp(scores, out=scores)
        scores /= scores.sum(0)
        return np.ascontiguousarray(scores.T)

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        """(classes, rows) log-odds: the leaves' values, added in the order of the trees."""
        scores = np.empty((self.classes, len(matrix)))
        for first in range(0, len(matrix), ROWS_PER_BLOCK):
            leaf = self._leaf(matrix[first : first + ROWS_PER_BLOCK])
            for start in range(0, len(leaf), ROWS_PER_SUM):
                part = leaf[start : start + ROWS_PER_SUM]
                values = np.take(self._values, np.ascontiguousarray(part.T) + self._first_value, mode="clip")
                of_rounds = values.reshape(-1, self.classes, len(part))
                np.add.reduce(of_rounds, axis=0, out=scores[:, first + start : first + start + len(part)])
        return scores

    def _leaf(self, block: np.ndarray) -> np.ndarray:
        """(rows, trees) the number of the leaf that each report reaches in each tree."""
        leaves = np.repeat(self._all_leaves[None], len(block), axis=0)
        possible = np.empty_like(leaves)
        for table, ranges in self._lookups(block):
            leaves &= np.take(table, ranges, axis=0, out=possible, mode="clip")
        leaves -= self._kind(1)  # one bit is left
        return np.bitwise_count(leaves)

    def _lookups(self, block: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Tables (ranges, trees) of possible leaves, and the range (rows,) of each report in each of them."""
        for of_trees in self._inputs:
            yield of_trees.leaves, np.searchsorted(of_trees.thresholds, block[:, of_trees.column])
        values = block.T[self._switch_columns]
        ranges = (values > self._switch_thresholds).view(np.uint8)
        ranges += np.isnan(values).view(np.uint8) * np.uint8(SWITCH_RANGES - 1)
        combined = np.zeros((len(self._switch_leaves), len(block)), np.uint8)
        for part in ranges.reshape(TOGETHER, *combined.shape):
            combined = combined * np.uint8(SWITCH_RANGES) + part
        yield from zip(self._switch_leaves, combined, strict=True)


def _table_rows(splits: list[Split]) -> int:
    """Rows of the tables by an input with these splits."""
    ranges = len({split.threshold for split in splits}) + 2
    return SWITCH_RANGES**TOGETHER // TOGETHER if ranges == SWITCH_RANGES else ranges
