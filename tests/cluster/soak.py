"""Mixed load from inside a pod: `soak.py CLIENTS MINUTES`.

Clients call every kind of endpoint until /tmp/stop exists, without retries. Meanwhile each backend pod's own request
counts and memory are read several times a second. At the end one line of JSON is printed. Its slope of memory is that
of the last MINUTES, for each pod that is then running.
"""

import collections
import contextlib
import http.client
import json
import os
import random
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

REPORT = {"DATE OCC": "01/15/2023", "TIME OCC": 1430, "AREA": 6, "Premis Cd": 101, "Mocodes": "0344"}
TABLE = "DATE OCC,TIME OCC,AREA\n" + "01/15/2023,1430,6\n" * 200
CALLS: list[tuple[int, str, str, Callable[[], str | None], str]] = [  # how often, method, path, body, type
    (16, "POST", "/predict", lambda: json.dumps(REPORT | {"DR_NO": str(random.randrange(10**9))}), "application/json"),
    (2, "POST", "/explain", lambda: json.dumps(REPORT), "application/json"),
    (1, "POST", "/predict/batch", lambda: json.dumps([REPORT] * 20), "application/json"),
    (1, "POST", "/predict/batch", lambda: TABLE, "text/csv"),
    (1, "GET", "/hotspots?top=5", lambda: None, ""),
    (1, "GET", "/models/crime-category", lambda: None, ""),
]
COUNT = re.compile(r'crime_requests_total\{method="(\w+)",route="(/[\w/{}]*)",status="(\d+)"\} (\S+)')
ROUTES = {"/predict", "/explain", "/predict/batch", "/hotspots", "/models/{name}"}
lock = threading.Lock()
asked: collections.Counter[str] = collections.Counter()
failures: list[str] = []
slow = [0.0]
spare: dict[str, socket.socket] = {}  # an unused connection to each pod
pods: dict[tuple[str, str], dict[str, Any]] = {}  # by address and start: counts, sizes over time


def stopped() -> bool:
    return os.path.exists("/tmp/stop")


def ask(keep: bool) -> None:
    connection = None
    while not stopped():
        _, method, path, body, kind = random.choices(CALLS, [call[0] for call in CALLS])[0]
        began = time.perf_counter()
        try:
            if connection is None:
                connection = http.client.HTTPConnection("backend-service", 5000, timeout=30)
            connection.request(method, path, body(), {"Content-Type": kind} if kind else {})
            response = connection.getresponse()
            content = response.read()
            assert response.status == 200, (response.status, content[:200])
            with lock:
                asked[path.partition("?")[0].replace("/crime-category", "/{name}")] += 1
                slow[0] = max(slow[0], time.perf_counter() - began)
            if not keep or response.will_close:
                connection.close()
                connection = None
        except Exception as error:
            with lock:
                failures.append(f"{time.time():.2f} {path} {error!r}")
            connection = None
        time.sleep(0.01)


def look(address: str) -> None:
    """Read a pod's counts; if it refuses new connections, on one that was opened earlier."""
    try:
        taken = socket.create_connection((address, 5000), timeout=2)
    except OSError:
        if address not in spare:
            return
        time.sleep(0.3)  # until requests under way are answered
        note(address, read(spare.pop(address)))
        return
    note(address, read(taken))
    if address not in spare:
        with contextlib.suppress(OSError):
            spare[address] = socket.create_connection((address, 5000), timeout=2)


def read(taken: socket.socket) -> str:
    try:
        with taken:
            taken.sendall(b"GET /metrics HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n")
            return b"".join(iter(lambda: taken.recv(1 << 16), b"")).decode()
    except OSError:
        return ""


def note(address: str, text: str) -> None:
    plain = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("process_"))
    if not plain:
        return
    pod = pods.setdefault((address, plain["process_start_time_seconds"]), {"sizes": []})
    pod["counts"] = dict.fromkeys(ROUTES, 0.0)
    for _, route, status, value in COUNT.findall(text):
        if route in ROUTES and status == "200":
            pod["counts"][route] += float(value)
    pod["sizes"].append((time.time(), float(plain["process_resident_memory_bytes"]), float(plain["process_open_fds"])))


def watch() -> None:
    last = False
    while not last:
        last = stopped()
        if last:
            time.sleep(2)  # until requests under way are answered
        try:
            addresses = {str(info[4][0]) for info in socket.getaddrinfo("backend-pods", 5000, type=socket.SOCK_STREAM)}
        except OSError:
            continue
        for address in addresses | set(spare):
            look(address)
        time.sleep(0.2)


def slope(sizes: list[tuple[float, float, float]], since: float) -> float:
    """Bytes a minute, by least squares."""
    sizes = [size for size in sizes if size[0] >= since]
    if len(sizes) < 2:
        return 0.0
    mean_time = sum(size[0] for size in sizes) / len(sizes)
    mean = sum(size[1] for size in sizes) / len(sizes)
    spread = sum((size[0] - mean_time) ** 2 for size in sizes)
    return 60 * sum((size[0] - mean_time) * (size[1] - mean) for size in sizes) / spread


watcher = threading.Thread(target=watch)
watcher.start()
time.sleep(1)
look_at = {key: dict(pod["counts"]) for key, pod in pods.items()}  # counts before the clients started
clients = [threading.Thread(target=ask, args=(index % 2 == 0,)) for index in range(int(sys.argv[1]))]
for thread in clients:
    thread.start()
for thread in (*clients, watcher):
    thread.join()
counted: collections.Counter[str] = collections.Counter()
for key, pod in pods.items():
    counted.update({route: int(n - look_at.get(key, {}).get(route, 0)) for route, n in pod["counts"].items()})
oldest = max(pods.values(), key=lambda pod: pod["sizes"][-1][0] - pod["sizes"][0][0])["sizes"]
end = max(pod["sizes"][-1][0] for pod in pods.values())
standing = [pod["sizes"] for pod in pods.values() if pod["sizes"][-1][0] > end - 10]
calm = end - 60 * float(sys.argv[2])
result = {
    "asked": dict(sorted(asked.items())),
    "counted": {route: n for route, n in sorted(counted.items()) if n},
    "failures": failures,
    "slowest": round(slow[0], 3),
    "pods": len(pods),
    "oldest_seconds": round(oldest[-1][0] - oldest[0][0]),
    "bytes_a_minute": [round(slope(sizes, calm)) for sizes in standing],
    "largest_mb": round(max(size[1] for pod in pods.values() for size in pod["sizes"]) / 1e6),
    "descriptors": [int(oldest[len(oldest) // 2][2]), int(oldest[-1][2])],
}
print(json.dumps(result))
