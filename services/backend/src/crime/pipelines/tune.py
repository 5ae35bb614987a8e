"""Tuning: a search with Optuna for better parameters of the category model's trees; every trial is an MLflow run.

MLflow is the only store: a search that is killed, or started again with the same reports, continues from the trials
that finished. Trials that do badly are pruned by the median rule (Golovin et al., Google Vizier, 2017).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import optuna
from mlflow.entities import RunData
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, Trial, TrialState

from crime.core.errors import RegistryError
from crime.core.executors import Executor, LocalExecutor, ShareDone
from crime.core.progress import Progress, no_progress
from crime.pipelines.publishing import connect
from crime.registry.protocol import Registry
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.table import Reports
from crime.training.classifier.facts import fingerprint
from crime.training.classifier.table import TrainingTable, build_training_table, fit_encoder
from crime.training.classifier.train import split_by_time
from crime.training.classifier.trees import TREE_PARAMETERS, level_loss

TUNING_EXPERIMENT = "crime-category-tuning"
FINGERPRINT_TAG = "data.fingerprint"  # of a trial's run: the reports it was trained on
SEARCH_SPACE: dict[str, BaseDistribution] = {  # names and units are LightGBM's
    "learning_rate": FloatDistribution(0.03, 0.2, log=True),
    "num_leaves": IntDistribution(7, 63, log=True),
    "min_data_in_leaf": IntDistribution(5, 300, log=True),
    "feature_fraction": FloatDistribution(0.3, 1),
    "bagging_fraction": FloatDistribution(0.5, 1),
    "lambda_l2": FloatDistribution(0.01, 100, log=True),
}
STARTUP_TRIALS = 4  # trials before any is pruned
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
MAX_TRIALS_READ = 10_000
optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True)
class TuningResult:
    """The best trial. `loss`: its log loss on the last fifth of the training reports, mean of the detail levels.

    `default`: the same with `TREE_PARAMETERS`. `finished` and `pruned` count trials.
    """

    parameters: dict[str, int | float]
    loss: float
    default: float
    finished: int
    pruned: int


def tune(
    reports: Reports,
    registry: Registry,
    executor: Executor | None,
    trials: int,
    seed: int = 0,
    progress: Progress = no_progress,
) -> TuningResult:
    """Search until these reports have `trials` trials, the first with `TREE_PARAMETERS`. Raises `DataError`."""
    executor = executor or LocalExecutor()
    past, _ = split_by_time(reports)
    table, _ = build_training_table(past, fit_encoder(past.fields), {**TREE_PARAMETERS, "seed": seed})
    store = _TrialStore(registry, fingerprint(past))
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, constant_liar=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
    )
    study.add_trials(store.trials())
    if not study.trials:
        study.enqueue_trial({name: TREE_PARAMETERS[name] for name in SEARCH_SPACE})
    # the trial that waits in the queue is not counted
    while (count := len(study.get_trials(deepcopy=False, states=ENDED))) < trials:
        progress(f"trial {count + 1} of {trials}", count / trials)
        batch = [study.ask(SEARCH_SPACE) for _ in range(min(executor.workers, trials - count))]
        for number, (trial, losses) in enumerate(_run_trials(executor, table, batch), count):
            complete = len(losses) == len(DETAIL_LEVELS)
            loss = sum(losses.values()) / len(losses) if complete else None
            study.tell(trial, loss, TrialState.COMPLETE if complete else TrialState.PRUNED)
            store.save(number, trial.params, losses, loss)
    default = next(t.value for t in study.trials if _is_default(t.params) and t.value is not None)
    finished, pruned = (len(study.get_trials(deepcopy=False, states=(state,))) for state in ENDED)
    return TuningResult(study.best_params, study.best_value, default, finished, pruned)


def _run_trials(executor: Executor, table: TrainingTable, trials: list[Trial]) -> list[tuple[Trial, dict[str, float]]]:
    """Each trial with its log loss by detail level; a pruned trial has fewer levels. Trials run side by side."""
    losses: list[dict[str, float]] = [{} for _ in trials]
    running = list(range(len(trials)))
    for step, level in enumerate(DETAIL_LEVELS):
        items = [(level, trials[index].params) for index in running]
        for index, loss in zip(running, executor.map(_trial_loss, table, items), strict=True):
            losses[index][level] = loss
            trials[index].report(loss, step)
        if step < len(DETAIL_LEVELS) - 1:
            running = [index for index in running if not trials[index].should_prune()]
    return list(zip(trials, losses, strict=True))


def _trial_loss(table: TrainingTable, item: tuple[DetailLevel, dict[str, int | float]], share_done: ShareDone) -> float:
    """Runs on a worker. `item`: a detail level and parameters."""
    level, parameters = item
    return level_loss(table.with_parameters(parameters), level)


def _is_default(parameters: Mapping[str, int | float]) -> bool:
    return all(parameters[name] == TREE_PARAMETERS[name] for name in SEARCH_SPACE)


def best_parameters(registry: Registry) -> dict[str, int | float]:
    """The best parameters for the reports that were tuned last. Raises `RegistryError` where nothing was tuned."""
    client = connect(registry, TUNING_EXPERIMENT)
    experiment = client.get_experiment_by_name(TUNING_EXPERIMENT)
    assert experiment  # `connect` made it
    latest = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"], max_results=1)
    if latest:
        trials = _TrialStore(registry, latest[0].data.tags[FINGERPRINT_TAG]).trials()
        complete = [(trial.value, trial.params) for trial in trials if trial.value is not None]
        if complete:
            return min(complete, key=lambda entry: entry[0])[1]
    raise RegistryError("there are no tuned parameters yet: `crime tune` searches them")


class _TrialStore:
    """The trials on the reports with one fingerprint, as MLflow runs: parameters, log loss by level, and their mean."""

    def __init__(self, registry: Registry, fingerprint: str):
        self._client = connect(registry, TUNING_EXPERIMENT)
        experiment = self._client.get_experiment_by_name(TUNING_EXPERIMENT)
        assert experiment  # `connect` made it
        self._experiment, self._fingerprint = experiment.experiment_id, fingerprint

    def trials(self) -> list[FrozenTrial]:
        """Trials that ended, the oldest first; interrupted ones are left out."""
        query = f"tags.`{FINGERPRINT_TAG}` = '{self._fingerprint}' AND attributes.status = 'FINISHED'"
        runs = self._client.search_runs(
            [self._experiment], query, order_by=["attributes.start_time"], max_results=MAX_TRIALS_READ
        )
        return [_frozen_trial(run.data) for run in runs]

    def save(
        self, number: int, parameters: Mapping[str, int | float], losses: dict[str, float], loss: float | None
    ) -> None:
        """Log a trial that ended. `losses`: by detail level; `loss`: their mean, None if the trial was pruned."""
        tags = {FINGERPRINT_TAG: self._fingerprint, "pruned": str(loss is None)}
        run = self._client.create_run(self._experiment, tags=tags, run_name=f"trial {number + 1}").info.run_id
        for name, value in parameters.items():
            self._client.log_param(run, name, value)
        for level, loss_of_level in losses.items():
            self._client.log_metric(run, f"log_loss.{level}", loss_of_level)
        if loss is not None:
            self._client.log_metric(run, "log_loss", loss)
        self._client.set_terminated(run)


def _frozen_trial(data: RunData) -> FrozenTrial:
    """A trial for Optuna's study from the run that `_TrialStore.save` logged."""
    loss = data.metrics.get("log_loss")
    types = {name: int if isinstance(space, IntDistribution) else float for name, space in SEARCH_SPACE.items()}
    return optuna.trial.create_trial(
        state=TrialState.PRUNED if loss is None else TrialState.COMPLETE,
        params={name: types[name](data.params[name]) for name in SEARCH_SPACE},
        distributions=SEARCH_SPACE,
        value=loss,
        intermediate_values={
            step: data.metrics[f"log_loss.{level}"]
            for step, level in enumerate(DETAIL_LEVELS)
            if f"log_loss.{level}" in data.metrics
        },
    )
