"""The trees of a level see that level's inputs, stop early, and come out the same from every machine."""

import lightgbm
import numpy as np
import pytest
from crime.classifier.bundle import level_inputs
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS
from crime.reports.table import Reports
from crime.training.classifier.table import TrainingTable, build_training_table, fit_encoder
from crime.training.classifier.trees import MAX_ROUNDS, TREE_PARAMETERS, fit_level, level_loss


@pytest.fixture(scope="module")
def table(small_reports: Reports) -> TrainingTable:
    encoder = fit_encoder(small_reports.fields)
    parameters = {**TREE_PARAMETERS, "learning_rate": 0.3, "num_leaves": 4, "seed": 0}
    return build_training_table(small_reports, encoder, parameters)[0]


def test_a_level_has_its_own_inputs_by_name(table: TrainingTable) -> None:
    booster = lightgbm.Booster(model_str=fit_level(table, "premise"))
    names = [*table.names, *NAIVE_BAYES_INPUTS]
    assert booster.feature_name() == [names[column] for column in level_inputs(table.names, "premise")]
    assert 1 <= booster.current_iteration() < MAX_ROUNDS


def test_the_text_does_not_say_how_many_threads_trained_it(table: TrainingTable) -> None:
    text = fit_level(table, "place_time")
    assert "[learning_rate: 0.3]" in text
    assert "num_threads" not in text


def test_a_level_that_knows_more_has_a_smaller_loss(table: TrainingTable) -> None:
    losses = [level_loss(table, level) for level in ("place_time", "weapon", "report")]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] < np.log(7)


def test_other_parameters_give_another_loss(table: TrainingTable) -> None:
    assert level_loss(table.with_parameters({"num_leaves": 2}), "place_time") != level_loss(table, "place_time")


def test_rounds_that_are_given_are_not_chosen(table: TrainingTable) -> None:
    text = fit_level(table, "premise", rounds_of={"premise": 3})
    assert lightgbm.Booster(model_str=text).current_iteration() == 3
