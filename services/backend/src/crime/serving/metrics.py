"""Prometheus metrics of the backend."""

from functools import lru_cache

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("crime_requests_total", "Requests answered", ["method", "route", "status"])
REFUSED = Counter("crime_requests_refused_total", "Requests refused because too many came at once", ["bound"])
for bound in ("requests", "batches", "client", "body"):
    REFUSED.labels(bound)  # at 0: Prometheus sees no rate of a counter that begins at its first refusal
DROPPED = Counter("crime_connections_dropped_total", "Connections closed for what their client did", ["reason"])
LATENCY = Histogram(
    "crime_request_seconds",
    "Time from request to the end of the answer",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)
PREDICTIONS = Counter("crime_predictions_total", "Predictions given", ["category", "model_version"])
SERVED = Gauge("crime_model_info", "1 for the version that answers", ["model", "version"])
SWAPS = Counter("crime_model_swaps_total", "Versions taken up from the registry without a restart", ["model"])
TROUBLE = Gauge("crime_model_trouble", "1 while the registry's champion or challenger can't be loaded", ["model"])
REGISTRY_ANSWERS = Gauge("crime_registry_answers", "1 while the registry answers, 0 while it does not", ["registry"])
DATA_AGE = Gauge("crime_data_age_days", "Days from the last report that the model was made from to today", ["model"])
RECORDED = Counter("crime_predictions_recorded_total", "Predictions stored in the prediction log")
LOST = Counter("crime_predictions_unrecorded_total", "Predictions not stored in the prediction log", ["reason"])
WAITING = Gauge("crime_predictions_waiting", "Predictions that could not be written to the prediction log yet")
DRIFT = Gauge(
    "crime_drift_psi",
    "Population stability index of the latest predictions, less what chance alone explains",
    ["feature"],
)
DRIFTED = Gauge("crime_drift", "1 while a feature or the predictions have drifted")
ACCURACY = Gauge(
    "crime_accuracy",
    "Share of right answers: expected by training, estimated from the latest probabilities, measured by later codes",
    ["kind"],
)
PROVIDER_UP = Gauge("crime_sign_in_provider_up", "1 while the sign-in provider's keys can be fetched")
SHADOWED = Counter(
    "crime_shadow_predictions_total",
    "A challenger's predictions of reports that the champion answered, by whether both agree",
    ["version", "agrees"],
)


@lru_cache(1024)
def prediction_counter(category: str, version: str) -> Counter:
    """The counter of one category and version, cached: the lookup takes longer than counting."""
    return PREDICTIONS.labels(category, version)
