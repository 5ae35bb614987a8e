"""Files that somebody planted among the record, and versions deleted with MLflow's client, on a running backend."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
from crime.registry.embedded import EmbeddedRegistry
from harness import Backend, two_versions
from reports import SMALLEST_REPORT

NAME = "crime-category"
SIGNED = {"by": "a test", "reason": "to see what follows"}


def plant(folder: Path, suffix: str) -> int:
    """Files that can't be read, and that a reader must not wait for. Returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = [b"", b"{", b"\xff\xfe", b"[]", b"[" * 60_000, b"x" * 200_000, gzip.compress(b"0" * 100_000_000, 1)]
    for number, content in enumerate(contents):
        (folder / f"{number}-planted-1{suffix}").write_bytes(content)
    (folder / f"7-planted-1{suffix}").mkdir()
    (folder / f"8-planted-1{suffix}").symlink_to("/dev/zero")
    os.mkfifo(folder / f"9-planted-1{suffix}")
    with (folder / f"10-planted-1{suffix}").open("wb") as file:
        file.truncate(1 << 40)
    return len(contents) + 4


def test_planted_files_hide_nothing(start: Callable[..., Backend], tmp_path: Path) -> None:
    mlruns = two_versions().copy(tmp_path / "mlruns").mlruns
    (tmp_path / "token").write_text("a token")
    backend = start(mlruns=mlruns, token_file=tmp_path / "token", record_seconds=0.5)

    def decide(path: str, **body: Any) -> Any:
        headers = {"Authorization": "Bearer a token"}
        return backend.http.post(f"/models/{NAME}/{path}", json=body | SIGNED, headers=headers, timeout=60)

    assert decide("promote", version="2", force=True).status_code == 200
    review = {"number": "1", "code": "624", "judgement": "right", "by": "a test"}
    assert backend.http.post("/review/decisions", json=review).status_code == 201
    paths = ("/audit", "/review/decisions", "/drift")
    audit, reviewed, drift = (backend.http.get(path).json() for path in paths)
    planted = plant(mlruns / "monitoring/audit", ".json")
    assert plant(mlruns / "monitoring/review", ".json") == planted
    plant(mlruns / "monitoring/predictions/2026-01-01", ".csv.gz")
    (mlruns / "monitoring/performance.json").write_bytes(b"[{}")
    answers = [backend.http.get(path, timeout=10) for path in paths]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert [answer.headers.get("unreadable-entries") for answer in answers[:2]] == [str(planted)] * 2
    assert (answers[0].json(), answers[1].json()) == (audit, reviewed)
    assert answers[2].json()["unreadable"] == planted + 1
    assert answers[2].json()["reports"] >= drift["reports"]
    told = [line for line in backend.log() if line["event"] == "files of the record can't be read"]
    assert {line["of"] for line in told} == {"decisions", "review decisions", "recorded predictions"}

    client = mlflow.MlflowClient(EmbeddedRegistry(mlruns).tracking_uri)
    client.delete_model_version(NAME, "1")
    versions = backend.http.get(f"/models/{NAME}").json()["versions"]
    assert [version["version"] for version in versions] == ["2"]
    for path, body in (("promote", {"version": "1"}), ("challenger", {"version": "1"}), ("rollback", {})):
        answer = decide(path, **body)
        assert answer.status_code == 404, (path, answer.text)
    assert backend.http.get("/audit").json() == audit
    assert backend.http.post("/predict", json=SMALLEST_REPORT).json()["model_version"] == "2"
    assert audit[0]["outcome"] == "done"
