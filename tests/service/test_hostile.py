"""Hostile input ends in a clear error, in bounded time and memory, and the next request is answered."""

import gzip
import io
import json
import re
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from bundle_mutations import fit_sizes
from crime.core.bundle_files import file_hashes
from crime.core.model_names import CHALLENGER_MODEL
from harness import Backend, Store, wait_until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reports import SMALLEST_REPORT
from spoilt_tables import HEAD, KINDS, TABLE, spoilt, zip_file

MEMORY_LIMIT = 3 << 30  # bytes of address space for one command, most of it libraries
TIMEOUT = 10  # seconds


def test_any_bytes_are_answered(backend: Backend) -> None:
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, (table := pa.table({"DATE OCC": ["2023-01-15"], "AREA": [1]})).schema) as writer:
        writer.write_table(table)
    kinds = {"text/csv": TABLE, "application/vnd.apache.arrow.stream": stream.getvalue()}
    kinds["application/json"] = json.dumps([SMALLEST_REPORT] * 3).encode()

    @settings(max_examples=400, deadline=TIMEOUT * 1000, suppress_health_check=[HealthCheck.too_slow])
    @given(st.sampled_from(list(kinds)).flatmap(lambda kind: st.tuples(st.just(kind), spoilt(kinds[kind]))))
    def answered(case: tuple[str, bytes]) -> None:
        kind, content = case
        try:
            answer = client.post("/predict/batch", content=content, headers={"Content-Type": kind})
        except httpx.RemoteProtocolError:  # a stream that breaks off halfway has no other way to say so
            return
        assert answer.status_code in (200, 413, 422), answer.text

    with httpx.Client(base_url=backend.url, timeout=60) as client:
        answered()
    assert httpx.post(f"{backend.url}/predict", json=SMALLEST_REPORT).status_code == 200


def _write_bomb(path: Path, head: bytes, part: bytes, times: int) -> None:
    """A gzip file with a part repeated so many times: gigabytes in a few megabytes."""
    pack = zlib.compressobj(1, wbits=31)
    with path.open("wb") as file:
        file.write(pack.compress(head))
        for _ in range(times):
            file.write(pack.compress(part))
        file.write(pack.flush())


def hostile_files(tmp_path: Path) -> Iterator[tuple[str, Path, str]]:
    """Name, file, and what the error must say."""

    def write(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    yield "a line of 100 MB", write("line.csv", TABLE + b"x" * (100 << 20) + b"\n"), "can't be read"
    bomb = tmp_path / "bomb.csv.gz"
    _write_bomb(bomb, HEAD.encode(), b"1," * (1 << 19), 4_000)  # 4 GB in one line
    yield "a gzip bomb without a line's end", bomb, "can't be read"
    yield "a zip in a zip", write("zip.zip", zip_file(KINDS["zip"], "inner.zip")), "expected one table in the zip"
    yield "a truncated gzip", write("cut.csv.gz", gzip.compress(TABLE * 999)[:-9]), "can't be read"
    yield "a truncated Parquet file", write("cut.parquet", KINDS["parquet"][:-9]), "can't be read"
    yield "NULs", write("nul.csv", b"\0" * 10_000), "the file is binary"
    yield "an open quote to the end", write("quote.csv", TABLE + b'"' + b"a,b\n" * (30 << 18)), "can't be read"
    yield "a header of a million columns", write("wide.csv", b"a," * 1_000_000 + b"\n1"), "not an LAPD table"


def test_hostile_files_end_in_a_clear_error_within_bounds(tmp_path: Path) -> None:
    for what, path, message in hostile_files(tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "crime.cli", "check", "--data", str(path)],
            capture_output=True,
            text=True,
            timeout=120,
            env={"COLUMNS": "400", "PATH": "", "OPENBLAS_NUM_THREADS": "1"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT)),
        )
        assert done.returncode == 1, (what, done.stdout, done.stderr)
        assert "error:" in done.stderr, what
        assert message in done.stderr, what
        assert "Traceback" not in done.stderr, what


BODIES: dict[str, tuple[str, bytes]] = {
    "deep JSON": ("/predict", b"[" * 500_000),
    "deep JSON in a list": ("/predict/batch", b"[" + b'{"a":' * 500_000),
    "a million lists": ("/predict/batch", b"[" + b"[]," * 4_000_000 + b"[]]"),
    "ten million numbers": ("/predict/batch", b"[" + b"0," * 10_000_000 + b"0]"),
    "a string of 60 MB": ("/predict/batch", b'["' + b"x" * (60 << 20) + b'"]'),
    "a report of 2 MB": ("/predict", json.dumps(SMALLEST_REPORT | {"Mocodes": "0344 " * 400_000}).encode()),
    "numbers beyond any": ("/predict", json.dumps(SMALLEST_REPORT | {"AREA": 1}).replace("1430", "1" * 5000).encode()),
    "not a number": ("/predict", b'{"DATE OCC":"01/15/2023","TIME OCC":NaN,"AREA":Infinity}'),
    "ten million lines": ("/invocations", b"\n" * 10_000_000),
}


@pytest.mark.parametrize("what", BODIES)
def test_hostile_bodies_are_refused_within_bounds(what: str, backend: Backend) -> None:
    path, body = BODIES[what]
    before = _reset_peak_memory(backend)
    kind = "text/csv" if path == "/invocations" else "application/json"
    answer = httpx.post(f"{backend.url}{path}", content=body, headers={"Content-Type": kind}, timeout=TIMEOUT)
    assert answer.status_code in (413, 422), answer.text[:300]
    assert answer.json().get("message" if path == "/invocations" else "detail")
    assert _peak_memory(backend) - before < 300 << 10
    assert httpx.post(f"{backend.url}/predict", json=SMALLEST_REPORT).status_code == 200


def _reset_peak_memory(backend: Backend) -> int:
    Path(f"/proc/{backend.process.pid}/clear_refs").write_text("5")
    return _peak_memory(backend)


def _peak_memory(backend: Backend) -> int:
    """The most memory the process held since the last reset, in KiB."""
    lines = Path(f"/proc/{backend.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def test_a_body_without_end_is_cut(backend: Backend) -> None:
    """Sent in pieces, without a length."""
    host, port = backend.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: crime\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent, answer = 0, b""
        with suppress(OSError):
            while sent < 64 << 20:
                client.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                sent += 0x10000
        with suppress(OSError):
            answer = client.recv(1000)
    assert answer.startswith(b"HTTP/1.1 413") or sent < 64 << 20
    assert httpx.post(f"{backend.url}/predict", json=SMALLEST_REPORT).status_code == 200


def cut_off(text: str) -> str:
    return text[: text.index("Tree=3") + 100]


def absurd_sizes(text: str) -> str:
    return re.sub("tree_sizes=[0-9]+", "tree_sizes=99999999999", text)


def child_out_of_range(text: str) -> str:
    return fit_sizes(re.sub("left_child=[0-9]+", "left_child=3000000", text, count=1))


def cycle(text: str) -> str:
    return fit_sizes(re.sub("left_child=[0-9]+", "left_child=0", text, count=1))


def damaged_copy(directory: Path, target: Path, damage: Callable[[str], str]) -> Path:
    """A bundle whose trees for whole reports are damaged, with their right hash."""
    shutil.copytree(directory, target)
    whole = (target / "report.txt").read_text()
    (target / "report.txt").write_text(damage(whole))
    assert (target / "report.txt").read_text() != whole
    spec = json.loads((target / "spec.json").read_text())
    spec["sha256"] = file_hashes(target, spec["sha256"])
    (target / "spec.json").write_text(json.dumps(spec))
    return target


def plant(mlruns: Path, bundle: Path, alias: str) -> str:
    """Add a version to an embedded store as someone does who can write there, with an alias; returns the version."""
    with closing(sqlite3.connect(mlruns / "mlflow.db")) as database, database:
        database.row_factory = sqlite3.Row
        where = "name = 'crime-category'"
        row = dict(database.execute(f"SELECT * FROM model_versions WHERE {where} ORDER BY version DESC").fetchone())
        folder = bundle.parent / f"{bundle.name}-artifacts"
        shutil.copytree(bundle, folder / "data" / "bundle")
        row |= {"version": int(row["version"]) + 1, "storage_location": str(folder)}
        names = ", ".join(row)
        database.execute(
            f"INSERT INTO model_versions ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values())
        )
        database.execute(f"DELETE FROM registered_model_aliases WHERE {where} AND alias = ?", (alias,))
        aliases = [description[1] for description in database.execute("PRAGMA table_info(registered_model_aliases)")]
        values = {"name": "crime-category", "alias": alias, "version": row["version"]}
        assert set(values) <= set(aliases)
        extra = {name: "default" for name in aliases if name == "workspace"}
        values |= extra
        database.execute(
            f"INSERT INTO registered_model_aliases ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
            list(values.values()),
        )
    return str(row["version"])


@pytest.mark.parametrize("damage", [cut_off, absurd_sizes, child_out_of_range, cycle])
def test_a_champion_of_damaged_trees_changes_nothing(
    damage: Callable[[str], str], start: Callable[..., Backend], store: Store, tmp_path: Path
) -> None:
    """Planted beside a running backend it is told, as challenger too, and refused as a promotion; then at a start."""
    copied = store.copy(tmp_path / "mlruns")
    token = tmp_path / "token"
    token.write_text("a-token-of-this-test")
    running = start(mlruns=copied.mlruns, refresh_seconds=0.2, token_file=token)
    good = running.http.get("/ready").json()["version"]
    bad = damaged_copy(store.bundle(), tmp_path / "bad", damage)
    version = plant(copied.mlruns, bad, "challenger")
    wait_until(lambda: "report.txt: " in running.http.get("/ready").json()["trouble"].get(CHALLENGER_MODEL, ""))
    promoted = running.http.post(
        "/models/crime-category/promote",
        json={"version": version, "force": True, "by": "a test", "reason": "to see it refused"},
        headers={"Authorization": "Bearer a-token-of-this-test"},
    )
    assert promoted.status_code == 409
    assert "report.txt: " in promoted.json()["detail"]
    plant(copied.mlruns, bad.rename(tmp_path / "worse"), "champion")
    wait_until(lambda: "report.txt: " in running.http.get("/ready").json()["trouble"].get("crime-category", ""))
    assert running.http.post("/predict", json=SMALLEST_REPORT).json()["model_version"] == good
    assert 'crime_model_trouble{model="crime-category"} 1.0' in running.metrics()
    started = start(mlruns=copied.mlruns, refresh_seconds=0.2)
    answer = started.http.get("/ready")
    assert (answer.status_code, started.http.get("/health").status_code) == (503, 200)
    assert "report.txt: " in answer.json()["why"]
    image = start(model_dir=tmp_path / "worse")
    assert "report.txt: " in image.http.get("/ready").json()["why"]
