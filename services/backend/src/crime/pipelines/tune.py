"""Look for better parameters of the category model's trees: Optuna, every trial a run in MLflow.

MLflow is the only store: a search that was cut, or is started anew with the same data, goes on from the trials that
are there. A trial is given up when a level does worse than half of the earlier ones did (median rule).
"""

from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import TrialState

from crime.core.errors import RegistryError
from crime.core.executors import Executor, ShareDone
from crime.core.progress import Progress
from crime.features.definitions import choose_features
from crime.pipelines.publishing import connect
from crime.registry.protocol import Registry
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.table import Reports
from crime.training.classifier.facts import fingerprint
from crime.training.classifier.table import TrainingTable, build_training_table
from crime.training.classifier.train import split_by_time
from crime.training.classifier.trees import TREE_PARAMETERS, level_loss

TUNING_EXPERIMENT = "crime-category-tuning"
SEARCH_SPACE: dict[str, Any] = {
    "learning_rate": optuna.distributions.FloatDistribution(0.03, 0.2, log=True),
    "num_leaves": optuna.distributions.IntDistribution(7, 63, log=True),
    "min_data_in_leaf": optuna.distributions.IntDistribution(5, 300, log=True),
    "feature_fraction": optuna.distributions.FloatDistribution(0.3, 1),
    "bagging_fraction": optuna.distributions.FloatDistribution(0.5, 1),
    "lambda_l2": optuna.distributions.FloatDistribution(0.01, 100, log=True),
}
STARTUP_TRIALS = 4  # trials before any is given up
optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True)
class TuningResult:
    """`loss`: log loss on the last fifth of the training reports, the levels' mean; `default`: with `PARAMETERS`."""

    parameters: dict[str, Any]
    loss: float
    default: float
    finished: int
    pruned: int


def tune(
    reports: Reports,
    registry: Registry,
    engine: Executor,
    trials: int,
    seed: int = 0,
    progress: Progress = lambda what, share: None,
) -> TuningResult:
    """Search until there are `trials` trials of these reports; the first is of `PARAMETERS`. Raises `DataError`."""
    past, _ = split_by_time(reports)
    names = choose_features(past.fields["mocodes"].tolist())
    table, _ = build_training_table(past, names, {**TREE_PARAMETERS, "seed": seed})
    store = _TrialStore(registry, fingerprint(past))
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, constant_liar=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
    )
    study.add_trials(store.trials())
    if not study.trials:
        study.enqueue_trial({name: TREE_PARAMETERS[name] for name in SEARCH_SPACE})
    while (done := len(study.trials)) < trials:
        progress(f"trial {done + 1} of {trials}", done / trials)
        asked = [study.ask(SEARCH_SPACE) for _ in range(min(engine.workers, trials - done))]
        for at, (trial, losses) in enumerate(_trial_losses(engine, table, asked), done):
            state = TrialState.COMPLETE if len(losses) == len(DETAIL_LEVELS) else TrialState.PRUNED
            value = sum(losses.values()) / len(losses) if state == TrialState.COMPLETE else None
            study.tell(trial, value, state)
            store.keep(at, trial.params, losses, value)
    default = next(t.value for t in study.trials if _is_default(t.params) and t.value is not None)
    states = [trial.state for trial in study.trials]
    finished, pruned = states.count(TrialState.COMPLETE), states.count(TrialState.PRUNED)
    return TuningResult(study.best_params, study.best_value, default, finished, pruned)


def _trial_losses(
    engine: Executor, table: TrainingTable, asked: list[optuna.Trial]
) -> list[tuple[optuna.Trial, dict[str, float]]]:
    """Of each trial the log loss of each level, as far as it was worth while."""
    losses: list[dict[str, float]] = [{} for _ in asked]
    running = list(range(len(asked)))
    for step, level in enumerate(DETAIL_LEVELS):
        items = [(level, asked[at].params) for at in running]
        for at, loss in zip(running, engine.map(_loss, table, items), strict=True):
            losses[at][level] = loss
            asked[at].report(loss, step)
        if step < len(DETAIL_LEVELS) - 1:
            running = [at for at in running if not asked[at].should_prune()]
    return list(zip(asked, losses, strict=True))


def _loss(table: TrainingTable, item: tuple[str, dict[str, Any]], share_done: ShareDone) -> float:
    level, parameters = item
    return level_loss(table.with_parameters(parameters), level)


def _is_default(parameters: dict[str, Any]) -> bool:
    return all(parameters[name] == TREE_PARAMETERS[name] for name in SEARCH_SPACE)


def best_parameters(registry: Registry) -> dict[str, Any]:
    """The best parameters found for the data that were tuned last. Raises `RegistryError` where none were."""
    client = connect(registry, TUNING_EXPERIMENT)
    experiment = client.get_experiment_by_name(TUNING_EXPERIMENT)
    assert experiment
    last = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"], max_results=1)
    if last:
        found = _TrialStore(registry, last[0].data.tags["data.fingerprint"]).trials()
        whole = [trial for trial in found if trial.value is not None]
        if whole:
            return min(whole, key=lambda trial: trial.value or 0.0).params
    raise RegistryError("nothing was tuned yet: `crime tune` does it")


class _TrialStore:
    """The trials of one state of the data, as MLflow runs: its parameters, a metric for each level, and their mean."""

    def __init__(self, registry: Registry, fingerprint: str):
        self.client = connect(registry, TUNING_EXPERIMENT)
        experiment = self.client.get_experiment_by_name(TUNING_EXPERIMENT)
        assert experiment
        self.experiment, self.fingerprint = experiment.experiment_id, fingerprint

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """Those that ended, the oldest first; what a killed search was at is not among them."""
        query = f"tags.`data.fingerprint` = '{self.fingerprint}' AND attributes.status = 'FINISHED'"
        runs = self.client.search_runs([self.experiment], query, order_by=["attributes.start_time"], max_results=10_000)
        return [self._trial(run.data) for run in runs]

    @staticmethod
    def _trial(data: Any) -> optuna.trial.FrozenTrial:
        value = data.metrics.get("log_loss")
        kinds = {name: int if "Int" in type(kind).__name__ else float for name, kind in SEARCH_SPACE.items()}
        return optuna.trial.create_trial(
            state=TrialState.PRUNED if value is None else TrialState.COMPLETE,
            params={name: kinds[name](data.params[name]) for name in SEARCH_SPACE},
            distributions=SEARCH_SPACE,
            value=value,
            intermediate_values={
                step: data.metrics[f"log_loss.{level}"]
                for step, level in enumerate(DETAIL_LEVELS)
                if f"log_loss.{level}" in data.metrics
            },
        )

    def keep(self, at: int, parameters: dict[str, Any], losses: dict[str, float], value: float | None) -> None:
        tags = {"data.fingerprint": self.fingerprint, "pruned": str(value is None)}
        run = self.client.create_run(self.experiment, tags=tags, run_name=f"trial {at + 1}").info.run_id
        for name, given in parameters.items():
            self.client.log_param(run, name, given)
        for level, loss in losses.items():
            self.client.log_metric(run, f"log_loss.{level}", loss)
        if value is not None:
            self.client.log_metric(run, "log_loss", value)
        self.client.set_terminated(run)
