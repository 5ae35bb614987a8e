"""A small HTTP server that answers as MLflow's REST API does."""

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

NAME = "crime-category"
NOT_FOUND = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "it does not exist."}


class MlflowLike(BaseHTTPRequestHandler):
    """Models and files of class attributes. `bundle` is the bundle of every version."""

    bundle: Path
    files: dict[str, bytes]
    aliases: dict[str, str]
    tags: dict[str, str]
    requests: list[str]
    deleted: tuple[str, ...] = ()

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"] or 0)))

    do_PUT = do_DELETE = do_POST

    def _answer(self, body: bytes | None) -> None:
        url = urlsplit(self.path)
        path, query = unquote(url.path).removeprefix("/api/2.0/"), {k: v[0] for k, v in parse_qs(url.query).items()}
        self.requests.append(f"{self.command} {path}")
        if path.startswith("mlflow-artifacts/artifacts"):
            answer = self._file(path.removeprefix("mlflow-artifacts/artifacts").strip("/"), query, body)
        else:
            answer = self._api(f"{self.command} {path.removeprefix('mlflow/')}", query, json.loads(body or b"{}"))
        self.send_response(404 if answer is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(NOT_FOUND).encode() if answer is None else answer)

    def _api(self, call: str, query: dict[str, str], body: dict[str, str]) -> bytes | None:
        version = {
            "version": 2,
            "run_id": "r",
            "creation_timestamp": 1_767_225_600_000,
            "tags": [{"key": key, "value": value} for key, value in self.tags.items()],
        }
        match call:
            case "GET registered-models/alias" if query["alias"] in self.aliases:
                answer: Any = {"model_version": {"version": self.aliases[query["alias"]]}}
            case "GET registered-models/search":
                aliases = [{"alias": alias, "version": version} for alias, version in self.aliases.items()]
                answer = {"registered_models": [{"name": NAME, "aliases": aliases, "latest_versions": [
                    {"version": "9"}, {"version": "10"}]}]}  # fmt: skip
            case "GET model-versions/search":
                answer = {"model_versions": [{"version": "1", "run_id": "deleted"}, version]}
            case "GET model-versions/get" if query["version"] in self.deleted:
                return None
            case "GET model-versions/get":
                answer = {"model_version": version}
            case "GET model-versions/get-download-uri":
                answer = {"artifact_uri": f"mlflow-artifacts:/1/models/m {query['version']}/artifacts"}
            case "GET runs/get" if query["run_id"] == "r":
                answer = {"run": {"data": {"metrics": [{"key": "overall.log_loss", "value": 0.2}]}}}
            case "POST registered-models/alias":
                self.aliases[body["alias"]], answer = body["version"], {}
            case "DELETE registered-models/alias":
                del self.aliases[body["alias"]]
                answer = {}
            case "POST model-versions/set-tag":
                self.tags[body["key"]], answer = body["value"], {}
            case _:
                return None
        return json.dumps(answer).encode()

    def _file(self, path: str, query: dict[str, str], body: bytes | None) -> bytes | None:
        if self.command == "PUT":
            self.files[path] = body or b""
        elif self.command == "DELETE":
            for name in [name for name in self.files if name.startswith(f"{path}/")]:
                del self.files[name]
        elif not path:
            names = [name for name in self.files if name.startswith(f"{query['path']}/")]
            return json.dumps({"files": [{"path": name} for name in names]}).encode() if names else None
        elif path.startswith("1/models/"):
            file = self.bundle / path.rpartition("/")[2]
            return file.read_bytes() if file.exists() else None
        return self.files.get(path) if self.command == "GET" else b"{}"

    def log_message(self, *arguments: Any) -> None: ...
