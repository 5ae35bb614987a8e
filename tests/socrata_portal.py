"""A portal for tests: SODA over some datasets, which pages, errs, is cut and moves datasets as Socrata's does."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

Rows = list[dict[str, Any]]


@dataclass
class SocrataPortal:
    """`datasets`: rows by id, each with `:id` and `:updated_at`. `trouble` says how the next answers go wrong.

    `refusals`: status and body of the answers about a dataset. `moved`: by id, the id that a dataset has now.
    `asked`: the dataset of each request. `pause`: seconds before each answer.
    """

    url: str = ""
    datasets: dict[str, Rows] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    tokens: set[str | None] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    pause: float = 0.0


@contextmanager
def serve_portal() -> Iterator[SocrataPortal]:
    portal = SocrataPortal()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(portal))
    portal.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield portal
    server.shutdown()
    server.server_close()


def _handler(portal: SocrataPortal) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlparse(self.path)
            dataset = address.path.removeprefix("/resource/").removesuffix(".json")
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            portal.tokens.add(self.headers.get("X-App-Token"))
            portal.asked.append(dataset)
            time.sleep(portal.pause)
            what = portal.trouble.pop(0) if portal.trouble else ""
            if what.isdigit():
                self.answer(int(what), "", {"Retry-After": "0"})
            elif dataset in portal.moved:
                place = f"/resource/{portal.moved[dataset]}.json?{address.query}"
                self.answer(301, "", {"Location": place})
            elif dataset in portal.refusals or dataset not in portal.datasets:
                self.answer(*portal.refusals.get(dataset, (404, json.dumps({"message": "Not found", "error": True}))))
            else:
                body = json.dumps(found_rows(portal.datasets[dataset], query))
                self.answer(200, body, cut=what == "cut")

        def answer(self, status: int, text: str, headers: dict[str, str] | None = None, cut: bool = False) -> None:
            body = text.encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            with suppress(ConnectionError):  # the client was killed
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection = cut

        def log_message(self, *arguments: Any) -> None: ...

    return Handler


def found_rows(rows: Rows, query: dict[str, str]) -> Rows:
    """The rows that a query asks for, or their number."""
    found = [row for row in rows if _wanted(row, query.get("$where", ""))]
    if query["$select"] == "count(*)":
        return [{"count": str(len(found))}]
    assert query["$order"] == ":id"
    return sorted(found, key=lambda row: str(row[":id"]))[: int(query["$limit"])]


def _wanted(row: dict[str, Any], where: str) -> bool:
    for name, sign, value in re.findall(r"(:?\w+) (>=|>) '([^']*)'", where):
        if not (row[name] >= value if sign == ">=" else row[name] > value):
            return False
    return True
