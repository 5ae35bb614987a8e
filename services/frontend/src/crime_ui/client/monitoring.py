"""The backend's pods, the versions that answer, and drift."""

import os
import socket

import httpx

from crime_ui.client import tokens
from crime_ui.client.answers import DataAge
from crime_ui.client.answers_models import Drift, Pod
from crime_ui.client.models import CATEGORY_MODEL
from crime_ui.client.transport import http_client, send

CHECK_SECONDS = 2
POD_PORT = 5000


def serving_versions() -> dict[str, str]:
    """The version that answers, by model."""
    answer: dict[str, str] = send("GET", "/ready").json().get("serving", {})
    return answer


def release() -> str | None:
    """The backend's release; None if its answer has none."""
    answer: str | None = send("GET", "/").json().get("version")
    return answer


def data_age() -> DataAge | None:
    """How far the category model's reports are behind today; None if the backend does not tell, or not now."""
    try:
        answer = http_client().get("/ready", timeout=CHECK_SECONDS).json()  # a pod that is not ready tells it too
        age = answer["data"][CATEGORY_MODEL]
        return DataAge(until=age["data_until"], days_behind=int(age["days_behind"]), usual=answer["usual_days_behind"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


def is_ready() -> bool:
    """Whether the backend is ready for requests."""
    try:
        return http_client().get("/ready", timeout=CHECK_SECONDS).is_success
    except httpx.HTTPError:
        return False


def drift() -> Drift:
    """The latest predictions compared with the training data. Raises `Refused` if the store can't be reached."""
    answer: Drift = send("GET", "/drift", optional=True).json()
    return answer


def pods() -> list[Pod]:
    """Every backend pod that answers. `BACKEND_PODS` is a name that resolves to the address of each."""
    name = os.environ.get("BACKEND_PODS", "")
    if not name:
        return [send("GET", "/pod").json()]
    try:
        addresses = {str(info[4][0]) for info in socket.getaddrinfo(name, POD_PORT, type=socket.SOCK_STREAM)}
    except OSError:
        addresses = set()
    answers = []
    for address in sorted(addresses):
        try:
            url = httpx.URL(scheme="http", host=address, port=POD_PORT, path="/pod")
            response = http_client().get(url, timeout=CHECK_SECONDS, headers=tokens.forwarded())
            answers.append(response.raise_for_status().json())
        except httpx.HTTPError:
            continue
    return answers
