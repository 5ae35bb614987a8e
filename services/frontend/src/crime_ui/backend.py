"""The backend, known by HTTP alone."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Any
from uuid import uuid4

import httpx
import streamlit as st

URL = os.environ.get("BACKEND_URL", "http://localhost:5000")
PODS = os.environ.get("BACKEND_PODS", "")  # a name that all backend pods answer to, each at its own address
OPTIONAL = ("/forecast", "/hotspots", "/drift")  # a backend without these answers all else
TRIES, PAUSE = 4, 0.25  # a pod that goes away is out of the service within a second


class BackendDown(Exception):
    """The backend can't be reached or has no model."""


class WrongInput(Exception):
    """The backend refused what was sent; the message says why, and what was expected."""


@st.cache_resource
def _client() -> httpx.Client:
    return httpx.Client(base_url=URL, timeout=httpx.Timeout(30, connect=3))


def _send(method: str, path: str, tries: int = TRIES, **arguments: Any) -> httpx.Response:
    """What can be sent again without harm is tried anew when the connection broke."""
    why = ""
    request_id = uuid4().hex  # the backend's log and answer carry it too
    headers = {"X-Request-ID": request_id, **arguments.pop("headers", {})}
    for attempt in range(tries):
        if attempt:
            time.sleep(PAUSE * attempt)
        try:
            response = _client().request(method, path, headers=headers, **arguments)
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
            _log("no answer", request_id, method, path, why=why)
            continue
        _log("request", request_id, method, path, status=response.status_code)
        if response.status_code in (502, 503, 504):
            if path in OPTIONAL:
                raise WrongInput(response.json()["detail"])
            why = (
                response.json().get("detail", "not ready") if "json" in response.headers.get("content-type", "") else ""
            )
            continue
        if response.status_code in (401, 403, 404, 409, 413, 422):
            detail = response.json()["detail"]
            raise WrongInput(detail if isinstance(detail, str) else "; ".join(found["msg"] for found in detail))
        response.raise_for_status()
        return response
    raise BackendDown(why)


def _log(event: str, request_id: str, method: str, path: str, **more: Any) -> None:
    """A line of JSON, as the backend's."""
    when = datetime.now(UTC).isoformat()
    print(json.dumps({"event": event, "id": request_id, "method": method, "path": path, **more, "timestamp": when}))


def predict(report: dict[str, Any]) -> dict[str, Any]:
    return _send("POST", "/predict", json=report).json()


def explain(report: dict[str, Any]) -> dict[str, Any]:
    return _send("POST", "/explain", json=report).json()


@st.cache_data(ttl=30, show_spinner=False)
def model() -> dict[str, Any]:
    """The category model: its versions and the details of the one that answers."""
    return _send("GET", "/models/crime-category").json()


@st.cache_data(ttl=5, show_spinner=False)
def versions(name: str) -> list[dict[str, Any]]:
    """A model's versions, the newest first, with aliases, tags and metrics."""
    return _send("GET", f"/models/{name}").json()["versions"]


def promote(name: str, version: str, by: str, force: str, token: str) -> dict[str, Any]:
    """Make a version champion; the answer says what was compared."""
    body = {"version": version, "by": by or "page"} | ({"force": force} if force else {})
    return _decide(f"/models/{name}/promote", body, token)


def rollback(name: str, by: str, token: str) -> dict[str, Any]:
    return _decide(f"/models/{name}/rollback", {"by": by or "page"}, token)


def _decide(path: str, body: dict[str, Any], token: str) -> dict[str, Any]:
    """Sent once: a rollback that is sent twice undoes itself."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    found = _send("POST", path, tries=1, json=body, headers=headers, timeout=120).json()
    st.cache_data.clear()
    return found


@st.cache_data(ttl=5, show_spinner=False)
def challenger() -> dict[str, Any] | None:
    """How the category model's challenger does beside the champion; None without one."""
    try:
        return _send("GET", "/models/crime-category/challenger").json()
    except WrongInput:
        return None


@st.cache_data(ttl=5, show_spinner=False)
def audit() -> list[dict[str, Any]] | None:
    """Every decision about which version answers, the newest first; None while the registry can't be asked."""
    try:
        return _send("GET", "/audit", tries=1).json()
    except BackendDown:
        return None


@st.cache_data(ttl=5, show_spinner=False)
def drift() -> dict[str, Any]:
    """The latest predictions beside what the model was trained on."""
    return _send("GET", "/drift").json()


@st.cache_data(ttl=2, show_spinner=False)
def pods() -> list[dict[str, Any]]:
    """Every backend pod that answers, with its versions and requests."""
    if not PODS:
        return [_send("GET", "/pod").json()]
    found = []
    try:
        addresses = {str(info[4][0]) for info in socket.getaddrinfo(PODS, 5000, type=socket.SOCK_STREAM)}
    except OSError:
        addresses = set()
    for address in sorted(addresses):
        try:
            found.append(_client().get(f"http://{address}:5000/pod", timeout=2).raise_for_status().json())
        except httpx.HTTPError:
            continue
    return found


@st.cache_data(ttl=300, show_spinner=False)
def codes() -> dict[str, list[dict[str, Any]]]:
    return _send("GET", "/codes").json()


@st.cache_data(ttl=300, show_spinner=False)
def features() -> list[dict[str, Any]]:
    """Those of the category model."""
    return [found for found in _send("GET", "/features").json()["features"] if found["entity"] == ["report"]]


@st.cache_data(ttl=2, show_spinner=False)
def _serving() -> dict[str, str]:
    """The version of each model that answers."""
    return _send("GET", "/ready").json()["serving"]


@st.cache_data(ttl=300, show_spinner=False, max_entries=500)
def _of_version(version: str | None, path: str, **filters: Any) -> dict[str, Any]:
    """An answer that stays the same as long as its model does."""
    return _send("GET", path, params=filters).json()


def _filtered(model: str, path: str, filters: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in sorted(filters.items()) if value is not None and value != ""}
    return _of_version(_serving().get(model), path, **given)


def reports(**filters: Any) -> dict[str, Any]:
    """Counts of reports; filters are `area`, `category`, `first`, `last`."""
    return _filtered("crime-category", "/reports", filters)


def hotspots(**filters: Any) -> dict[str, Any]:
    """Places with most expected reports; filters are `on`, `by`, `top`, `area`, `shift`, `category`."""
    return _filtered("crime-risk", "/hotspots", filters)


def forecast(**filters: Any) -> dict[str, Any]:
    """Expected reports by day; filters are `area`, `district`, `shift`, `category`."""
    return _filtered("crime-risk", "/forecast", filters)


def score_table(file: IO[bytes], name: str) -> bytes:
    """An uploaded table with the answer's columns behind its own, as CSV."""

    def send() -> httpx.Response:
        file.seek(0)
        return _send("POST", "/predict/batch", files={"file": (name, file)}, timeout=600)

    return send().content


def ready() -> bool:
    try:
        return _client().get("/ready", timeout=2).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def needed() -> Iterator[None]:
    """Around a page: without the backend a clear message, and the page comes back by itself."""
    try:
        yield
    except BackendDown as down:
        st.error("**The prediction service can't be reached.** What you entered is kept.", icon=":material/cloud_off:")
        st.caption(f"This page tries again every two seconds. ({down})")
        _wait()
        st.button("Try now", icon=":material/refresh:")


@st.fragment(run_every=2)
def _wait() -> None:
    if ready():
        st.rerun()
