"""Prediction with a trained LightGBM model through LightGBM's C library alone.

LightGBM's Python package imports scipy and, where installed, pandas and scikit-learn: 150 MB and seconds at start.
Predicting needs none of them. https://lightgbm.readthedocs.io/en/latest/C-API.html
"""

import ctypes
from contextlib import suppress
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from crime.classifier.forest import Forest
from crime.classifier.tree_check import TreeText
from crime.core.cpu import available_cpus
from crime.core.memory import release_free_memory

MIN_ROWS_FOR_THREADS = 128  # rows; waking threads, or a `Forest`, takes longer than predicting fewer
_FLOAT32, _NORMAL, _CONTRIB = 0, 0, 3  # constants of LightGBM's c_api.h
# LightGBM's thread count is global: raising it during another call overruns that call's buffers
_thread_count_lock = Lock()


@cache
def _library() -> ctypes.CDLL:
    spec = find_spec("lightgbm")  # does not import it
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("LightGBM is not installed")
    libraries = sorted(Path(spec.submodule_search_locations[0]).glob("**/lib_lightgbm.*"))
    if not libraries:
        raise RuntimeError("LightGBM's package has no C library")
    library = ctypes.CDLL(str(libraries[0]))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def _call(name: str, *arguments: Any) -> None:
    with _thread_count_lock:
        if getattr(_library(), name)(*arguments) != 0:
            raise RuntimeError(f"{name}: {_library().LGBM_GetLastError().decode()}")


class Booster:
    """A multiclass model. `predict_one` is not safe to call from two threads at once; the other methods are."""

    def __init__(self, trees: TreeText, classes: int):
        """Load LightGBM's text of trees of so many categories, as it was checked. Raises `RuntimeError`."""
        self.classes, self.features = classes, trees.features
        self._trees = trees
        self._handle = ctypes.c_void_p()
        rounds = ctypes.c_int()
        _call("LGBM_BoosterLoadModelFromString", trees.text, ctypes.byref(rounds), ctypes.byref(self._handle))
        release_free_memory()
        self._row = np.zeros(self.features, np.float32)
        self._answer = np.zeros(classes)
        self._written = ctypes.c_int64()
        self._fast = ctypes.c_void_p()
        _call(
            "LGBM_BoosterPredictForMatSingleRowFastInit",
            self._handle,
            _NORMAL,
            0,
            -1,
            _FLOAT32,
            self.features,
            b"num_threads=1",
            ctypes.byref(self._fast),
        )
        self._fast_arguments = (
            self._fast,
            self._row.ctypes.data_as(ctypes.c_void_p),
            ctypes.byref(self._written),
            self._answer.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
        )
        self._predict_row = _library().LGBM_BoosterPredictForMatSingleRowFast

    def __del__(self) -> None:
        if getattr(self, "_fast", None):
            _library().LGBM_FastConfigFree(self._fast)
        if getattr(self, "_handle", None):
            _library().LGBM_BoosterFree(self._handle)

    def predict_one(self, vector: np.ndarray) -> np.ndarray:
        """Probabilities (classes,) of one vector (features,)."""
        self._row[:] = vector
        if self._predict_row(*self._fast_arguments) != 0:
            raise RuntimeError(_library().LGBM_GetLastError().decode())
        return self._answer.copy()

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Probabilities (rows, classes) of a matrix (rows, features).

        Those of many rows may differ by 2⁻⁵² from LightGBM's: NumPy's exponential function rounds otherwise.
        """
        if len(matrix) < MIN_ROWS_FOR_THREADS:
            return self._row_by_row(self._checked(matrix))
        if self._forest:
            return self._forest.predict(self._checked(matrix))
        return self._batch(matrix, _NORMAL, self.classes).reshape(len(matrix), self.classes)

    def _row_by_row(self, matrix: np.ndarray) -> np.ndarray:
        """As `predict`, of few rows, by the single-row call: it need not wait for a call with many threads."""
        answers = np.empty((len(matrix), self.classes))
        row, answer, written = matrix.ctypes.data, answers.ctypes.data, ctypes.byref(ctypes.c_int64())
        for _ in range(len(matrix)):
            if self._predict_row(self._fast, ctypes.c_void_p(row), written, ctypes.c_void_p(answer)) != 0:
                raise RuntimeError(_library().LGBM_GetLastError().decode())
            row, answer = row + matrix.strides[0], answer + answers.strides[0]
        return answers

    @cached_property
    def _forest(self) -> Forest | None:
        """None for trees that it can't hold."""
        with suppress(ValueError):
            return Forest(self._trees, self.classes)
        return None

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Exact tree SHAP (rows, classes, features + 1), in log-odds; the last column is the expected value.

        Lundberg, Erion, Lee: Consistent individualized feature attribution for tree ensembles, 2018.
        """
        width = self.classes * (self.features + 1)
        return self._batch(matrix, _CONTRIB, width).reshape(len(matrix), self.classes, self.features + 1)

    def _checked(self, matrix: np.ndarray) -> np.ndarray:
        matrix = np.ascontiguousarray(matrix, np.float32)
        if matrix.ndim != 2 or matrix.shape[1] != self.features:
            raise ValueError(f"expected (rows, {self.features}), got {matrix.shape}")
        return matrix

    def _batch(self, matrix: np.ndarray, kind: int, width: int) -> np.ndarray:
        matrix = self._checked(matrix)
        answer = np.zeros(len(matrix) * width)
        if len(matrix):
            written = ctypes.c_int64()
            _call(
                "LGBM_BoosterPredictForMat",
                self._handle,
                matrix.ctypes.data_as(ctypes.c_void_p),
                _FLOAT32,
                len(matrix),
                self.features,
                1,
                kind,
                0,
                -1,
                f"num_threads={available_cpus() if len(matrix) >= MIN_ROWS_FOR_THREADS else 1}".encode(),
                ctypes.byref(written),
                answer.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            )
            assert written.value == len(answer)
        return answer
