"""A backend for tests of the page: a local server with answers that were recorded from a real one."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from streamlit.testing.v1 import AppTest

OpenView = Callable[..., AppTest]  # with the view's name, and the parameters in its address
ANSWERS = Path(__file__).parent / "unit/frontend/answers"


def recorded(name: str) -> Any:
    """A recorded answer: parsed JSON, or the text of a table."""
    file = ANSWERS / (name if "." in name else f"{name}.json")
    return json.loads(file.read_text()) if file.suffix == ".json" else file.read_text()


@dataclass(frozen=True)
class Request:
    """A request as it arrived. `body` is parsed if it is JSON."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    def content(self) -> bytes:
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@dataclass
class RecordedBackend:
    """`failures`: how many of the next requests find the connection closed. `replaced`: answers by method and path.

    `refused`: reasons, and of which queries, by method and path.
    """

    url: str
    requests: list[Request] = field(default_factory=list)
    failures: int = 0
    replaced: dict[tuple[str, str], Answer] = field(default_factory=dict)
    refused: dict[tuple[str, str], tuple[str, Callable[[dict[str, list[str]]], bool]]] = field(default_factory=dict)

    def reset(self) -> None:
        self.requests.clear()
        self.replaced.clear()
        self.refused.clear()
        self.failures = 0

    def replace(
        self, method: str, path: str, body: Any, status: int = 200, content_type: str | None = None, **headers: str
    ) -> None:
        """`headers`: with an underscore for each hyphen."""
        named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        self.replaced[method, path] = Answer(status, body, content_type or "application/json", named)

    def refuse(self, method: str, path: str, reason: str, when: Callable[[dict[str, list[str]]], bool]) -> None:
        """Answer 404 to requests whose query is `when`."""
        self.refused[method, path] = reason, when

    def received(self, method: str, path: str) -> list[Request]:
        return [request for request in self.requests if (request.method, request.path) == (method, path)]

    def answer(self, request: Request) -> Answer:
        reason, refuses = self.refused.get((request.method, request.path), ("", None))
        if refuses and refuses(request.query):
            return Answer(404, {"detail": reason})
        if replaced := self.replaced.get((request.method, request.path)):
            return replaced
        if (request.method, request.path) == ("POST", "/predict/batch"):
            return Answer(200, recorded("table_scored.csv"), "text/csv")
        if (request.method, request.path) == ("GET", "/review/decisions.csv"):
            return Answer(200, recorded("review_decisions.csv"), "text/csv")
        status, name = _route(request)
        return Answer(status, recorded(name))


def _route(request: Request) -> tuple[int, str]:
    """The status and the name of the recorded answer to a request."""
    query = request.query
    match request.method, request.path:
        case "POST", "/explain":
            return 200, _explanation(request.body)
        case "GET", "/reports":
            return 200, "reports_hollywood" if "area" in query else "reports"
        case "GET", "/hotspots":
            return 200, "hotspots_first" if query["top"] == ["1"] else f"hotspots_{query['by'][0]}"
        case "GET", "/forecast":
            return 200, "forecast_hollywood" if query.get("area") == ["6"] else "forecast_city"
        case "GET", "/compstat":
            return 200, "compstat_city" if "area" in query else "compstat_areas"
        case "GET", "/models/crime-category/challenger":
            return 404, "challenger_none"
    name = {
        ("GET", "/"): "root",
        ("GET", "/ready"): "ready",
        ("GET", "/codes"): "codes",
        ("GET", "/columns"): "table_columns",
        ("GET", "/weeks"): "weeks",
        ("GET", "/unusual"): "unusual",
        ("GET", "/features"): "features",
        ("POST", "/review"): "review",
        ("GET", "/review/decisions"): "review_decisions",
        ("POST", "/review/decisions"): "review_decided",
        ("GET", "/models/crime-category"): "model_category",
        ("GET", "/models/crime-category/evaluation"): "evaluation",
        ("GET", "/models/crime-risk"): "model_risk",
        ("GET", "/audit"): "audit",
        ("GET", "/drift"): "drift_none",
        ("GET", "/pod"): "pod",
        ("POST", "/models/crime-category/promote"): "promote_forced",
        ("POST", "/models/crime-category/rollback"): "rollback",
    }.get((request.method, request.path))
    return (200, name) if name else (404, "model_unknown")


def _explanation(report: dict[str, Any]) -> str:
    if "Mocodes" in report:
        return "explain_whole"
    if "Premis Cd" in report:
        return "explain_premise"
    return "explain_three_fields" if "TIME OCC" in report else "explain_nothing"


def handler_of(backend: RecordedBackend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            is_json = self.headers.get("content-type") == "application/json"
            request = Request(
                self.command,
                parts.path,
                parse_qs(parts.query),
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(content) if is_json else content,
            )
            backend.requests.append(request)
            if backend.failures:
                backend.failures -= 1
                self.close_connection = True
                return
            answer = backend.answer(request)
            body = answer.content()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(body)))
            for name, value in answer.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    return Handler


def figures(view: AppTest) -> dict[str, dict[str, Any]]:
    """The view's Plotly figures by the keys the view gives them."""
    return {chart.proto.id.split("-", 2)[2]: json.loads(chart.proto.spec) for chart in view.get("plotly_chart")}
