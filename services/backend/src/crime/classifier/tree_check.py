"""Checks LightGBM's text of trees before the library sees it: on damaged text the library reads beyond its arrays.

Accepted is what LightGBM 4 writes of a model that this project trains: numerical splits, constant leaves, as many trees
for each round as there are categories. What the library would rely on is checked: the lengths of all lists, that each
tree reaches each of its nodes and leaves once, features within the inputs, counts that add up (SHAP divides by them),
finite numbers. Bounded besides: rounds, leaves and depth, which are time and memory of each prediction.
https://github.com/microsoft/LightGBM, `gbdt_model_text.cpp` and `tree.cpp`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from crime.core import limits
from crime.core.errors import BundleError

END = b"end of trees\n"
MAX_LEAF_VALUE = 1e6  # in log-odds, whose sum over all trees stays finite
MAX_COUNT = 2**31 - 1
_whole, _numbers = rb"(-?[0-9][-0-9 ]*|)", rb"([-0-9][-+.e0-9 ]*|)"
_thresholds = rb"([-0-9i][-+.e0-9inf ]*|)"  # infinity parts what is known from what is missing
_head = re.compile(
    rb"tree\nversion=v4\nnum_class=([0-9]{1,4})\nnum_tree_per_iteration=([0-9]{1,4})\nlabel_index=0\n"
    rb"max_feature_idx=([0-9]{1,6})\nobjective=multiclass num_class:([0-9]{1,4})\n"
    rb"feature_names=([!-<>-~ ]+)\nfeature_infos=([!-<>-~ ]+)\ntree_sizes=([0-9 ]+)\n\n"
)
_tree = re.compile(
    rb"Tree=([0-9]{1,6})\nnum_leaves=([0-9]{1,6})\nnum_cat=0\nsplit_feature=" + _whole + rb"\nsplit_gain=" + _numbers
    + rb"\nthreshold=" + _thresholds + rb"\ndecision_type=" + _whole + rb"\nleft_child=" + _whole + rb"\nright_child="
    + _whole + rb"\nleaf_value=" + _numbers + rb"\nleaf_weight=" + _numbers + rb"\nleaf_count=" + _whole
    + rb"\ninternal_value=" + _numbers + rb"\ninternal_weight=" + _numbers + rb"\ninternal_count=" + _whole
    + rb"\nis_linear=0\nshrinkage=([0-9.e+-]{1,30})\n\n\n"
)  # fmt: skip
# groups of `_tree`
NUMBER, LEAVES, FEATURE, GAIN, THRESHOLD, DECISION, LEFT, RIGHT = range(1, 9)
LEAF_VALUE, LEAF_WEIGHT, LEAF_COUNT, NODE_VALUE, NODE_WEIGHT, NODE_COUNT, SHRINKAGE = range(9, 16)
# decision types: 2 if the left child is the default, and 4 or 8 where zero or NaN is what is missing
UNKNOWN_IS_ZERO, ZERO_IS_UNKNOWN, UNKNOWN_GOES_LEFT = (0, 2), (4, 6), 10
DECISIONS = (*UNKNOWN_IS_ZERO, *ZERO_IS_UNKNOWN, 8, UNKNOWN_GOES_LEFT)

Trees = list[tuple[bytes, ...]]  # groups of `_tree`, the first of them at index 0


class TreeText(NamedTuple):
    """A checked model. `text`: the trees, and nothing after them; `trees`: how many; `features`: inputs."""

    text: bytes
    trees: int
    features: int


def check_trees(content: bytes, classes: int) -> TreeText:
    """The part of LightGBM's text that predicts, of a model of so many categories. Raises `BundleError`."""
    head = _head.match(content)
    if head is None:
        raise BundleError("its head is not that of trees of this project")
    if {int(head[1]), int(head[2]), int(head[4])} != {classes}:
        raise BundleError(f"expected trees of {classes} categories")
    features = int(head[3]) + 1
    if features > limits.FEATURES or {len(head[group].split()) for group in (5, 6)} != {features}:
        raise BundleError(f"expected the names of {features} inputs")
    sizes = _integers(head[7], "tree_sizes")
    if not 0 < len(sizes) <= classes * limits.TREE_ROUNDS or len(sizes) % classes:
        raise BundleError(
            f"expected {classes} trees for each of {limits.TREE_ROUNDS:,} rounds at most, got {len(sizes):,}"
        )
    trees, end = _split(content, head.end(), sizes)
    _check_structure(trees, features)
    _check_numbers(trees)
    return TreeText(content[:end], len(trees), features)


class Split(NamedTuple):
    """An inner node. `left_leaves`, `right_leaves`: the leaves below it on each side, bit n for the tree's leaf n."""

    tree: int
    feature: int
    threshold: float
    unknown_goes_left: bool
    left_leaves: int
    right_leaves: int


def leaf_values(trees: TreeText) -> list[list[float]]:
    """The value of each leaf of each tree."""
    return [list(map(float, tree[LEAF_VALUE - 1].split())) for tree in _groups(trees)]


def splits_of(trees: TreeText) -> Iterator[Split]:
    """The splits of all trees. Raises `ValueError` for one in which zero stands for what is not known."""
    for number, tree in enumerate(_groups(trees)):
        thresholds = list(map(float, tree[THRESHOLD - 1].split()))
        features, decisions, *children = (
            list(map(int, tree[group - 1].split())) for group in (FEATURE, DECISION, LEFT, RIGHT)
        )
        below = [0] * len(features)  # each node's leaves; children come after their parent
        for node in reversed(range(len(features))):
            left, right = (below[child] if child >= 0 else 1 << ~child for child in (side[node] for side in children))
            below[node] = left | right
            threshold, decision = thresholds[node], decisions[node]
            if decision in ZERO_IS_UNKNOWN:
                raise ValueError("expected splits in which zero is a value")
            unknown_goes_left = decision == UNKNOWN_GOES_LEFT or (decision in UNKNOWN_IS_ZERO and threshold >= 0)
            yield Split(number, features[node], threshold, unknown_goes_left, left, right)


def _groups(trees: TreeText) -> Trees:
    return [match.groups() for match in _tree.finditer(trees.text)]


def _split(content: bytes, start: int, sizes: np.ndarray) -> tuple[Trees, int]:
    """The trees, each where the head says that it is, and where they end."""
    trees: Trees = []
    for number, size in enumerate(sizes.tolist()):
        tree = _tree.match(content, start, start + limits.TREE_BYTES)
        if tree is None or tree.end() - start != size or int(tree[NUMBER]) != number:
            raise BundleError(f"tree {number} is damaged, or not where it should be")
        trees.append(tree.groups())
        start = tree.end()
    if not content.startswith(END, start):
        raise BundleError(f"more than {len(trees)} trees, or cut off after them")
    return trees, start + len(END)


def _check_structure(trees: Trees, features: int) -> None:
    leaves = _integers(b" ".join(tree[LEAVES - 1] for tree in trees), "num_leaves")
    if leaves.min() < 1 or leaves.max() > limits.TREE_LEAVES:
        raise BundleError(f"expected trees of 1 to {limits.TREE_LEAVES} leaves")
    nodes = leaves - 1
    first_node, first_leaf = np.cumsum(nodes) - nodes, np.cumsum(leaves) - leaves
    tree_of_node, count = np.repeat(np.arange(len(trees)), nodes), int(nodes.sum())
    feature = _column(trees, FEATURE, nodes)
    if count and (feature.min() < 0 or feature.max() >= features):
        raise BundleError(f"splits by an input that is none of {features}")
    if not np.isin(_column(trees, DECISION, nodes), DECISIONS).all():
        raise BundleError("has a split of a kind that this project does not train")
    children = np.stack([_column(trees, side, nodes) for side in (LEFT, RIGHT)])
    own = np.arange(count) - first_node[tree_of_node]  # each node's number in its tree
    is_node = children >= 0
    # a node's number is larger than its parent's, so that there is no cycle
    if (children[is_node] <= np.broadcast_to(own, children.shape)[is_node]).any() or (
        np.where(is_node, children, ~children) >= np.where(is_node, nodes[tree_of_node], leaves[tree_of_node])
    ).any():
        raise BundleError("has a child that is none of its tree")
    node = (first_node[tree_of_node] + children)[is_node]
    leaf = (first_leaf[tree_of_node] + ~children)[~is_node]
    roots = first_node[nodes > 0]
    if not _each_once(np.concatenate([node, roots]), count) or not (
        _each_once(np.concatenate([leaf, first_leaf[nodes == 0]]), int(leaves.sum()))
    ):
        raise BundleError("has a node or leaf that is not reached once")
    _check_counts(trees, nodes, leaves, (first_node[tree_of_node], first_leaf[tree_of_node], children))
    _check_depth(nodes, leaves, first_node, children)


def _each_once(index: np.ndarray, count: int) -> bool:
    return len(index) == count and bool((np.bincount(index, minlength=count) == 1).all())


def _check_counts(
    trees: Trees, nodes: np.ndarray, leaves: np.ndarray, below: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    """Each node has the reports of its two children. `below`: first node and leaf of its tree, and the children."""
    first_node, first_leaf, children = below
    of_node, of_leaf = _column(trees, NODE_COUNT, nodes), _column(trees, LEAF_COUNT, leaves)
    alone = np.repeat(leaves == 1, leaves)  # a constant: its count is not used
    if ((of_leaf < 1) & ~alone).any() or (of_leaf < 0).any() or of_leaf.max() > MAX_COUNT:
        raise BundleError("has a leaf without reports")
    if not len(of_node):
        return
    is_node = children >= 0
    counts = np.where(
        is_node,
        of_node[np.where(is_node, first_node + children, 0)],
        of_leaf[np.where(is_node, 0, first_leaf + ~children)],
    )
    if (of_node != counts.sum(0)).any() or of_node.max() > MAX_COUNT:
        raise BundleError("has a node whose reports are not those of its children")


def _check_depth(nodes: np.ndarray, leaves: np.ndarray, first_node: np.ndarray, children: np.ndarray) -> None:
    depth = np.zeros(len(children[0]), int)  # of each node; a parent's number is lower than its children's
    for number in range(int(nodes.max())):
        node = first_node[nodes > number] + number
        for side in children[:, node]:
            inner = side >= 0
            depth[(first_node[nodes > number] + side)[inner]] = depth[node[inner]] + 1
    deepest = np.zeros(len(nodes), int)  # leaves lie one below
    np.maximum.at(deepest, np.repeat(np.arange(len(nodes)), nodes), depth + 1)
    if deepest.max() > limits.TREE_DEPTH:
        raise BundleError(f"has a tree of more than {limits.TREE_DEPTH} splits one below another")
    if (leaves * deepest**2).sum() > limits.TREE_STEPS:
        raise BundleError("has so many and so deep trees that answers would take too long")


def _check_numbers(trees: Trees) -> None:
    leaves = _integers(b" ".join(tree[LEAVES - 1] for tree in trees), "num_leaves")
    for group in (GAIN, NODE_VALUE, NODE_WEIGHT):
        _column(trees, group, leaves - 1)
    _numbers_of([tree[THRESHOLD - 1] for tree in trees], leaves - 1)
    if np.abs(_column(trees, LEAF_VALUE, leaves)).max() > MAX_LEAF_VALUE:
        raise BundleError(f"has a leaf of more than {MAX_LEAF_VALUE:g}")
    # of constants LightGBM writes no weight
    weights = [tree[LEAF_WEIGHT - 1] for tree in trees if tree[LEAVES - 1] != b"1"]
    _finite(weights, (leaves[leaves > 1]))
    _finite([tree[SHRINKAGE - 1] for tree in trees], np.ones(len(trees), int))


def _column(trees: Trees, group: int, lengths: np.ndarray) -> np.ndarray:
    """One list of all trees, joined. Each must have the tree's length."""
    texts = [tree[group - 1] for tree in trees]
    if group in (FEATURE, DECISION, LEFT, RIGHT, LEAF_COUNT, NODE_COUNT):
        _check_lengths(texts, lengths)
        return _integers(b" ".join(text for text in texts if text), "a list of a tree")
    return _finite(texts, lengths)


def _check_lengths(texts: list[bytes], lengths: np.ndarray) -> None:
    if [text.count(b" ") + bool(text) for text in texts] != lengths.tolist():
        raise BundleError("has a list of another length than its tree")


def _numbers_of(texts: list[bytes], lengths: np.ndarray) -> np.ndarray:
    _check_lengths(texts, lengths)
    joined = b" ".join(text for text in texts if text)
    try:
        return np.array(list(map(float, joined.split(b" "))) if joined else [])
    except ValueError:
        raise BundleError("has a number that is none") from None


def _finite(texts: list[bytes], lengths: np.ndarray) -> np.ndarray:
    numbers = _numbers_of(texts, lengths)
    if not np.isfinite(numbers).all():
        raise BundleError("has a number that is not finite")
    return numbers


def _integers(text: bytes, what: str) -> np.ndarray:
    try:
        return np.array(list(map(int, text.split(b" "))) if text else [], np.int64)
    except (ValueError, OverflowError):
        raise BundleError(f"{what} has a number that is none") from None
