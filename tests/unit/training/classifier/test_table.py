"""Trees see out-of-fold naive Bayes inputs, their own level's features, and copies masked by groups of fields."""

import numpy as np
import pytest
from crime.classifier.bundle import level_inputs
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.table import Reports
from crime.training.classifier.naive_bayes import CodeCounts, fit_naive_bayes
from crime.training.classifier.table import (
    FOLDS,
    MASKED_SHARE,
    TrainingTable,
    build_training_table,
    fit_encoder,
    kinds_by_feature,
    row_blocks,
)
from crime.training.classifier.trees import TREE_PARAMETERS


@pytest.fixture(scope="module")
def table(small_reports: Reports) -> TrainingTable:
    encoder = fit_encoder(small_reports.fields)
    return build_training_table(small_reports, encoder, {**TREE_PARAMETERS, "seed": 3})[0]


def inputs_of(table: TrainingTable, level: DetailLevel, masked: bool) -> np.ndarray:
    inputs: np.ndarray = table.inputs(level, np.full(len(table.label), masked)).toarray()
    return inputs


@pytest.mark.parametrize("rows", [0, 1, 30_000, 30_001, 95_000])
def test_blocks_cover_all_rows_once(rows: int) -> None:
    covered = [row for block in row_blocks(rows) for row in range(rows)[block]]
    assert covered == list(range(rows))


def test_features_are_those_of_the_reports(table: TrainingTable, small_reports: Reports) -> None:
    matrix = fit_encoder(small_reports.fields).matrix(small_reports.fields, len(small_reports))
    np.testing.assert_array_equal(table.matrix.toarray(), matrix)
    np.testing.assert_array_equal(table.label, small_reports.label)


def test_naive_bayes_inputs_come_from_the_other_folds(table: TrainingTable, small_reports: Reports) -> None:
    encoder = fit_encoder(small_reports.fields)
    matrix = encoder.matrix(small_reports.fields, len(small_reports))
    inputs = inputs_of(table, "report", masked=False)[:, -len(NAIVE_BAYES_INPUTS) :]
    rows = np.arange(len(matrix))
    for fold in range(FOLDS):
        others = CodeCounts(table.names)
        others.add(matrix[rows % FOLDS != fold], small_reports.code[rows % FOLDS != fold])
        wanted = fit_naive_bayes(others, kinds_by_feature(encoder)).predict(matrix[rows % FOLDS == fold])
        np.testing.assert_array_equal(inputs[rows % FOLDS == fold], wanted)


@pytest.mark.parametrize("level", DETAIL_LEVELS)
def test_a_level_sees_its_own_inputs_alone(table: TrainingTable, level: DetailLevel) -> None:
    inputs = inputs_of(table, level, masked=False)
    columns = level_inputs(table.names, level)
    assert inputs.shape == (len(table.label), len(columns))
    features = columns[: -len(NAIVE_BAYES_INPUTS)]
    np.testing.assert_array_equal(inputs[:, : len(features)], table.matrix.toarray()[:, features])


def test_masked_copies_lose_whole_groups_in_their_share_of_the_rows(table: TrainingTable) -> None:
    plain, masked = (inputs_of(table, "weapon", masked=masked) for masked in (False, True))
    place = [table.names.index(name) for name in ("latitude", "longitude", "reporting_district")]
    lost = np.isnan(masked[:, place]) & ~np.isnan(plain[:, place])
    assert lost.any(1).mean() == pytest.approx(MASKED_SHARE, abs=0.05)
    assert (np.isnan(masked[:, place]).all(1) == lost.any(1)).mean() > 0.99
    assert not np.isnan(masked[:, table.names.index("area")]).any()
    kept = ~np.isnan(masked)
    features = slice(0, -len(NAIVE_BAYES_INPUTS))
    np.testing.assert_array_equal(masked[:, features][kept[:, features]], plain[:, features][kept[:, features]])


def test_masks_depend_on_the_seed_alone(table: TrainingTable) -> None:
    same, other = table.with_parameters({"num_leaves": 3}), table.with_parameters({"seed": 4})
    first = inputs_of(table, "weapon", masked=True)
    np.testing.assert_array_equal(inputs_of(same, "weapon", masked=True), first)
    assert (np.isnan(inputs_of(other, "weapon", masked=True)) != np.isnan(first)).any()
    assert (same.parameters["num_leaves"], table.parameters["num_leaves"]) == (3, TREE_PARAMETERS["num_leaves"])


def test_rows_are_the_same_from_any_row_on_and_masked_where_it_is_said(table: TrainingTable) -> None:
    masked = np.arange(len(table.label)) % 3 == 0
    plain, copies = inputs_of(table, "report", masked=False), inputs_of(table, "report", masked=True)
    inputs = table.inputs("report", masked, first=7).toarray()
    np.testing.assert_array_equal(inputs, np.where(masked[:, None], copies, plain)[7:])
