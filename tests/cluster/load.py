"""Load from inside a pod: clients request predictions, and one the page, until /tmp/stop exists; then a line of JSON.

Arguments: how many clients, the prefix of the services' names, more headers as JSON, and the page's certificate
authority, blank where it has none. `certificates` counts the page's answers by its certificate's serial number.

Half of the clients keep their connection, half open one for each request. There are no retries. All reports are the
same but for their number, so each version must give one answer: `mixed` names versions that gave several.
"""

import http.client
import json
import os
import random
import ssl
import sys
import threading
import time

REPORT = {"DATE OCC": "01/15/2023", "TIME OCC": 1430, "AREA": 6, "Premis Cd": 101, "Mocodes": "0344"}
PREFIX = sys.argv[2]
HEADERS = {"Content-Type": "application/json", **json.loads(sys.argv[3])}
AUTHORITY = sys.argv[4]
lock = threading.Lock()
answered, pages, slowest = 0, 0, 0.0
failures: list[str] = []
versions: dict[str, int] = {}
certificates: dict[str, int] = {}
probabilities: dict[str, set[str]] = {}  # by version


def ask(keep: bool) -> None:
    global answered, slowest
    connection = None
    while not os.path.exists("/tmp/stop"):
        began = time.perf_counter()
        try:
            if connection is None:
                connection = http.client.HTTPConnection(PREFIX + "backend-service", 5000, timeout=20)
            body = json.dumps({**REPORT, "DR_NO": str(random.randrange(10**9))})
            connection.request("POST", "/predict", body, HEADERS)
            response = connection.getresponse()
            answer = json.loads(response.read())
            assert response.status == 200, (response.status, answer)
            with lock:
                answered += 1
                slowest = max(slowest, time.perf_counter() - began)
                version = answer["model_version"]
                versions[version] = versions.get(version, 0) + 1
                probabilities.setdefault(version, set()).add(json.dumps(answer["probabilities"]))
            if not keep or response.will_close:
                connection.close()
                connection = None
        except Exception as error:
            with lock:
                failures.append(f"{time.time():.2f} {error!r}")
            connection = None
        time.sleep(0.01)


def connect_to_page() -> http.client.HTTPConnection:
    address = (PREFIX + "frontend-service", 8501)
    if not AUTHORITY:
        return http.client.HTTPConnection(*address, timeout=20)
    trusted = ssl.create_default_context(cadata=AUTHORITY)
    connection = http.client.HTTPSConnection(*address, timeout=20, context=trusted)
    connection.connect()
    assert isinstance(connection.sock, ssl.SSLSocket)
    serial = str((connection.sock.getpeercert() or {})["serialNumber"])
    certificates[serial] = certificates.get(serial, 0) + 1
    return connection


def read() -> None:
    global pages
    while not os.path.exists("/tmp/stop"):
        try:
            connection = connect_to_page()
            connection.request("GET", "/")
            response = connection.getresponse()
            assert response.status == 200, response.status
            assert b"<html" in response.read()
            connection.close()
            pages += 1
        except Exception as error:
            with lock:
                failures.append(f"{time.time():.2f} the page: {error!r}")
        time.sleep(0.05)


clients = [threading.Thread(target=ask, args=(index % 2 == 0,)) for index in range(int(sys.argv[1]))]
clients.append(threading.Thread(target=read))
for client in clients:
    client.start()
for client in clients:
    client.join()
mixed = [version for version, answers in probabilities.items() if len(answers) > 1]
outcome = {"answered": answered, "pages": pages, "failures": failures, "versions": versions, "mixed": mixed}
print(json.dumps(outcome | {"slowest": round(slowest, 3), "certificates": certificates}))
