"""A friendly client: a report, or a page, every 20 ms over a kept connection, until its standard input closes.

Run as a script in a process of its own; it ends with a line of JSON: what failed, and how long each answer took.
"""

import json
import sys
import threading
import time

import httpx
from reports import SMALLEST_REPORT

PAUSE_SECONDS = 1 / 50


def main(url: str, page: str, headers: str) -> None:
    """Ask the backend at `url`, or for a `page` of the page's server, until standard input closes.

    `headers`: of each request, as JSON.
    """
    waiting = threading.Thread(target=sys.stdin.read, daemon=True)
    waiting.start()
    seconds: list[float] = []
    failures: list[str] = []
    with httpx.Client(base_url=url, timeout=10, headers=json.loads(headers)) as client:
        report = client.build_request("POST", "/predict", json=SMALLEST_REPORT)
        request = client.build_request("GET", page) if page else report
        client.send(request)
        print("ready", flush=True)
        due = time.perf_counter()
        while waiting.is_alive():
            start = time.perf_counter()
            try:
                answer = client.send(request)
                if answer.status_code != 200:
                    failures.append(f"{answer.status_code} {answer.text[:100]}")
            except httpx.HTTPError as error:
                failures.append(repr(error))
            seconds.append(time.perf_counter() - start)
            due = max(due + PAUSE_SECONDS, time.perf_counter() - 1)
            time.sleep(max(0.0, due - time.perf_counter()))
    print(json.dumps({"failures": failures[:10], "milliseconds": [round(second * 1e3, 2) for second in seconds]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
