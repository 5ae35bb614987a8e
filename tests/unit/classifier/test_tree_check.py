"""Trees are checked before LightGBM's library sees them: what it would read beyond its arrays for is refused."""

import re
from collections.abc import Callable

import lightgbm
import numpy as np
import pytest
from bundle_mutations import fit_sizes
from crime.classifier.booster import Booster
from crime.classifier.bundle import CategoryBundle
from crime.classifier.tree_check import check_trees
from crime.core import limits
from crime.core.errors import BundleError
from crime.reports.schema import DETAIL_LEVELS


@pytest.fixture(scope="module")
def text(small_bundle: CategoryBundle) -> str:
    return (small_bundle.directory / "report.txt").read_text()


def line(name: str, change: Callable[[list[str]], object]) -> Callable[[str], str]:
    """Changes the tokens of the first line of this name."""

    def changed(text: str) -> str:
        match = re.search(rf"^{name}=(.*)$", text, re.MULTILINE)
        assert match
        tokens = match[1].split(" ")
        change(tokens)
        return fit_sizes(f"{text[: match.start(1)]}{' '.join(tokens)}{text[match.end(1) :]}")

    return changed


def to(position: int, token: str) -> Callable[[list[str]], object]:
    return lambda tokens: tokens.__setitem__(position, token)


def replace(old: str, new: str) -> Callable[[str], str]:
    return lambda text: fit_sizes(text.replace(old, new, 1))


DAMAGE: dict[str, Callable[[str], str]] = {
    "cut off within a tree": lambda text: text[: text.index("Tree=3") + 100],
    "cut off within a number": lambda text: text[: text.index("leaf_value=") + 20],
    "cut off after a tree": lambda text: text[: text.index("Tree=3")],
    "cut off in its head": lambda text: text[:100],
    "empty": lambda text: "",
    "of zeros": lambda text: "\0" * 1000,
    "absurd tree sizes": lambda text: re.sub("tree_sizes=[0-9]+", "tree_sizes=99999999999999", text),
    "negative tree sizes": lambda text: re.sub("tree_sizes=[0-9]+", "tree_sizes=-1", text),
    "tree sizes of another tree": lambda text: re.sub("tree_sizes=([0-9]+) ", r"tree_sizes=1 \1 ", text),
    "no tree sizes": lambda text: re.sub("tree_sizes=.*\n", "", text),
    "absurd leaves": replace("num_leaves=4", "num_leaves=2147483647"),
    "no leaves": replace("num_leaves=4", "num_leaves=0"),
    "negative leaves": replace("num_leaves=4", "num_leaves=-4"),
    "more leaves than values": replace("num_leaves=4", "num_leaves=5"),
    "a child out of range": line("left_child", to(0, "3000000")),
    "a leaf out of range": line("right_child", to(-1, "-3000000")),
    "a child that is its own parent": line("left_child", to(1, "1")),
    "a cycle": line("left_child", to(-1, "0")),
    "a leaf reached twice": line("right_child", to(-1, "-1")),
    "a feature out of range": line("split_feature", to(0, "170")),
    "a negative feature": line("split_feature", to(0, "-1")),
    "too few thresholds": line("threshold", lambda tokens: tokens.pop()),
    "too many leaf values": line("leaf_value", lambda tokens: tokens.append("1")),
    "a leaf value of none": line("leaf_value", to(0, "nan")),
    "an infinite leaf value": line("leaf_value", to(0, "1e999")),
    "a huge leaf value": line("leaf_value", to(0, "1e300")),
    "a threshold of none": line("threshold", to(0, "nan")),
    "a leaf without reports": line("leaf_count", to(0, "0")),
    "reports that do not add up": line("internal_count", to(0, "1")),
    "a decision of no kind": line("decision_type", to(0, "12")),
    "a categorical split": line("decision_type", to(0, "1")),
    "categories": replace("num_cat=0", "num_cat=1"),
    "linear leaves": replace("is_linear=0", "is_linear=1"),
    "a line twice": replace("num_cat=0\n", "num_cat=0\nnum_leaves=9\nnum_cat=0\n"),
    "another number of categories": replace("num_class=7", "num_class=8"),
    "other trees an iteration": replace("num_tree_per_iteration=7", "num_tree_per_iteration=1"),
    "more inputs than names": replace("max_feature_idx=168", "max_feature_idx=999999"),
    "another objective": replace("objective=multiclass num_class:7", "objective=custom"),
    "averaged answers": replace("label_index=0", "label_index=0\naverage_output"),
    "text of another alphabet": replace("Tree=0", "Tree=٠"),
    "more trees than it says": lambda text: text.replace("end of trees", "Tree=9\nend of trees"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_trees_are_refused(what: str, text: str) -> None:
    check_trees(text.encode(), 7)
    damaged = DAMAGE[what](text)
    assert damaged != text
    with pytest.raises(BundleError):
        check_trees(damaged.encode(), 7)


def test_deep_wide_and_many_trees_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value, message in (
        ("TREE_DEPTH", 2, "splits one below another"),
        ("TREE_LEAVES", 3, "leaves"),
        ("TREE_ROUNDS", 1, "1 rounds at most"),
        ("TREE_STEPS", 100, "take too long"),
        ("FEATURES", 5, "names of 169 inputs"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(limits, name, value)
            with pytest.raises(BundleError, match=message):
                check_trees(text.encode(), 7)


def test_the_library_gets_the_trees_alone(text: str) -> None:
    """What follows the trees is not read: neither their importance, nor the parameters of training."""
    trees = check_trees((text + "parameters:\n[linear_tree: 1]\n").encode(), 7)
    assert trees.text.endswith(b"end of trees\n")
    assert (trees.trees, trees.features) == (text.count("Tree="), 169)


@pytest.mark.parametrize("level", DETAIL_LEVELS)
def test_checked_trees_answer_as_lightgbms_own_package(level: str, small_bundle: CategoryBundle) -> None:
    path = small_bundle.directory / f"{level}.txt"
    trees = check_trees(path.read_bytes(), 7)
    matrix = np.random.default_rng(0).normal(0, 100, (50, trees.features)).astype(np.float32)
    matrix[::7] = np.inf
    matrix[::5] = np.nan
    wanted = lightgbm.Booster(model_file=path).predict(matrix)
    np.testing.assert_array_equal(Booster(trees, 7).predict(matrix), wanted)


@pytest.mark.parametrize("leaves", [2, 8, 63])
def test_what_training_writes_is_accepted(leaves: int) -> None:
    """Also constant trees, infinite thresholds, categories without reports, weights."""
    rng = np.random.default_rng(leaves)
    matrix = rng.normal(size=(800, 6))
    matrix[rng.random(matrix.shape) < 0.3] = np.nan
    matrix[:, 3] = 0
    data = lightgbm.Dataset(matrix, np.minimum(rng.integers(0, 7, 800), 5), weight=rng.choice([0.5, 1], 800))
    parameters = {"objective": "multiclass", "num_class": 7, "num_leaves": leaves, "verbose": -1, "min_data_in_leaf": 5}
    for rounds in (1, 20):
        model = lightgbm.train(parameters | {"bagging_fraction": 0.8, "bagging_freq": 1}, data, rounds)
        trees = check_trees((model.model_to_string() + "\n").encode(), 7)
        assert trees.trees == 7 * rounds
        sample = matrix[:50].astype(np.float32)
        assert np.isfinite(Booster(trees, 7).contributions(sample)).all()
