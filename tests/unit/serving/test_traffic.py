"""Traffic is told minute by minute, from the metrics."""

from crime.serving.metrics import LATENCY, REQUESTS
from crime.serving.traffic import KEPT_MINUTES, Traffic, latency_quantiles

INFINITY = float("inf")


def answer(route: str, status: int, seconds: float) -> None:
    """Count a request as the middleware does."""
    REQUESTS.labels("POST", route, status).inc()
    LATENCY.labels(route).observe(seconds)


def test_a_minute_has_what_was_answered_in_it() -> None:
    answer("/predict", 200, 3)
    traffic = Traffic()
    for _ in range(9):
        answer("/predict", 200, 0.002)
    answer("/explain", 500, 0.2)
    answer("/models", 500, 5)  # neither a prediction nor an explanation
    traffic.sample()
    traffic.sample()
    first, second = traffic.minutes
    assert (first.requests, first.failed) == (10, 1)
    assert first.seconds == {"0.5": 0.0025, "0.95": 0.25}
    assert (second.requests, second.failed, second.seconds) == (0, 0, {"0.5": None, "0.95": None})
    assert second.until >= first.until


def test_the_last_hours_are_kept() -> None:
    traffic = Traffic()
    for _ in range(KEPT_MINUTES + 5):
        traffic.sample()
    assert len(traffic.minutes) == KEPT_MINUTES


def test_beyond_the_last_bound_a_latency_is_not_known() -> None:
    assert latency_quantiles({1.0: 1.0, INFINITY: 4.0}) == {"0.5": None, "0.95": None}
