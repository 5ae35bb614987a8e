"""The C library alone answers as LightGBM's own package does."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from crime.classifier.booster import MIN_ROWS_FOR_THREADS, Booster
from crime.classifier.tree_check import check_trees

CLASSES, FEATURES = 3, 5


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(400, FEATURES)).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.2] = np.nan
    return matrix


@pytest.fixture(scope="module")
def trained(matrix: np.ndarray) -> lightgbm.Booster:
    label = np.nan_to_num(matrix).argmax(1) % CLASSES
    parameters = {"objective": "multiclass", "num_class": CLASSES, "verbose": -1, "num_leaves": 4, "num_threads": 1}
    return lightgbm.train(parameters, lightgbm.Dataset(matrix, label), 5)


@pytest.fixture(scope="module")
def path(trained: lightgbm.Booster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("booster") / "model.txt"
    trained.save_model(path)
    return path


@pytest.fixture
def booster(path: Path) -> Booster:
    return Booster(check_trees(path.read_bytes(), CLASSES), CLASSES)


@pytest.mark.parametrize("rows", [0, 1, MIN_ROWS_FOR_THREADS - 1, MIN_ROWS_FOR_THREADS, 400])
def test_probabilities_of_many(booster: Booster, trained: lightgbm.Booster, matrix: np.ndarray, rows: int) -> None:
    answer = booster.predict(matrix[:rows])
    assert answer.shape == (rows, CLASSES)
    if rows:
        np.testing.assert_allclose(answer, trained.predict(matrix[:rows]), rtol=0, atol=2**-50)


def test_probabilities_of_one(booster: Booster, trained: lightgbm.Booster, matrix: np.ndarray) -> None:
    wanted = np.asarray(trained.predict(matrix))
    answers = [booster.predict_one(vector) for vector in matrix]
    np.testing.assert_array_equal(answers, wanted)  # also: an answer is not overwritten by the next


def test_contributions_are_tree_shap(booster: Booster, trained: lightgbm.Booster, matrix: np.ndarray) -> None:
    wanted = np.asarray(trained.predict(matrix[:20], pred_contrib=True)).reshape(20, CLASSES, FEATURES + 1)
    np.testing.assert_array_equal(booster.contributions(matrix[:20]), wanted)


def test_many_from_several_threads_at_once(booster: Booster, trained: lightgbm.Booster, matrix: np.ndarray) -> None:
    wanted = np.asarray(trained.predict(matrix))
    sizes = [1, 400, 10, 300] * 10
    with ThreadPoolExecutor(4) as threads:
        for size, answer in zip(sizes, threads.map(lambda size: booster.predict(matrix[:size]), sizes), strict=True):
            np.testing.assert_allclose(answer, wanted[:size], rtol=0, atol=2**-50)


def test_a_matrix_of_another_width_is_refused(booster: Booster, matrix: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected \(rows, 5\)"):
        booster.predict(matrix[:, :4])
