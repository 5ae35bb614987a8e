"""The tables of a forest give the sums of LightGBM's trees, bit for bit."""

from typing import Any

import lightgbm
import numpy as np
import pytest
from crime.classifier.booster import Booster
from crime.classifier.forest import Forest
from crime.classifier.tree_check import TreeText, check_trees
from crime.core import limits

CLASSES, FEATURES, ROWS = 3, 9, 2_500


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    """Numbers, whole numbers, and inputs of two values; of most inputs a part is not known."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
    matrix[:, 2] = rng.integers(0, 30, ROWS)
    matrix[:, 3:] = rng.random((ROWS, FEATURES - 3)) < 0.4
    matrix[:, 1:][rng.random((ROWS, FEATURES - 1)) < 0.2] = np.nan
    return matrix


def trained(matrix: np.ndarray, rounds: int = 6, **parameters: Any) -> lightgbm.Booster:
    label = (np.nan_to_num(matrix) @ np.arange(1, FEATURES + 1)).astype(int) % CLASSES
    parameters = {"objective": "multiclass", "num_class": CLASSES, "verbose": -1, "num_threads": 1} | parameters
    return lightgbm.train(parameters, lightgbm.Dataset(matrix, label), rounds)


def trees_of(model: lightgbm.Booster) -> TreeText:
    return check_trees(model.model_to_string().encode(), CLASSES)


@pytest.mark.parametrize("leaves", [2, 8, 9, 31, 64])
def test_sums_are_those_of_lightgbm(matrix: np.ndarray, leaves: int) -> None:
    model = trained(matrix, num_leaves=leaves, min_data_in_leaf=5)
    forest = Forest(trees_of(model), CLASSES)
    wanted = np.asarray(model.predict(matrix, raw_score=True))
    np.testing.assert_array_equal(forest.scores(matrix).T, wanted)
    np.testing.assert_allclose(forest.predict(matrix), model.predict(matrix), rtol=0, atol=2**-50)


def test_values_on_a_threshold_beyond_it_and_infinite_ones(matrix: np.ndarray) -> None:
    model = trained(matrix, num_leaves=16)
    forest = Forest(trees_of(model), CLASSES)
    edges = [split["threshold"] for split in _splits(model) if split["split_feature"] == 0]
    near = np.array(edges, np.float32)
    values = np.concatenate([near, np.nextafter(near, np.float32(9)), np.nextafter(near, np.float32(-9))])
    values = np.concatenate([values, np.array([0, -0.0, np.inf, -np.inf, np.nan], np.float32)])
    rows = np.repeat(matrix[:1], len(values), axis=0)
    rows[:, 0] = values
    np.testing.assert_array_equal(forest.scores(rows).T, model.predict(rows, raw_score=True))


def test_what_is_not_known_where_training_knew_everything(matrix: np.ndarray) -> None:
    model = trained(np.nan_to_num(matrix))
    np.testing.assert_array_equal(
        Forest(trees_of(model), CLASSES).scores(matrix).T, model.predict(matrix, raw_score=True)
    )


def test_trees_that_never_split(matrix: np.ndarray) -> None:
    model = trained(matrix, rounds=2, min_data_in_leaf=ROWS)
    forest = Forest(trees_of(model), CLASSES)
    np.testing.assert_array_equal(forest.scores(matrix[:3]).T, model.predict(matrix[:3], raw_score=True))
    assert forest.predict(matrix[:0]).shape == (0, CLASSES)


@pytest.mark.parametrize("parameters", [{"num_leaves": 100, "min_data_in_leaf": 1}, {"zero_as_missing": True}])
def test_other_trees_are_left_to_lightgbm(matrix: np.ndarray, parameters: dict[str, Any]) -> None:
    model = trained(matrix, **parameters)
    trees = trees_of(model)
    with pytest.raises(ValueError, match="expected"):
        Forest(trees, CLASSES)
    np.testing.assert_array_equal(Booster(trees, CLASSES).predict(matrix), model.predict(matrix))


def test_tables_that_take_too_much_memory_are_not_made(matrix: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FOREST_BYTES", 1_000)
    with pytest.raises(ValueError, match="less memory"):
        Forest(trees_of(trained(matrix)), CLASSES)


def _splits(model: lightgbm.Booster) -> list[dict[str, Any]]:
    waiting = [tree["tree_structure"] for tree in model.dump_model()["tree_info"]]
    found = []
    while waiting:
        node = waiting.pop()
        if "split_feature" in node:
            found.append(node)
            waiting += [node["left_child"], node["right_child"]]
    return found
