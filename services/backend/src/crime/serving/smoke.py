"""A smoke test over HTTP: one prediction and one forecast; where sign-in is on, that nobody gets them without it.

`python -m crime.serving.smoke http://backend-service:5000`
"""

import json
import sys
import time
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from crime.reports.categories import CATEGORY_NAMES
from crime.serving.payloads.report import EXAMPLE_REPORT

CONNECT_SECONDS = 15


def main(url: str) -> None:
    """Print both answers. Raises an error unless both are complete."""
    wait_for(url)
    if is_closed(url):
        print("sign-in is on: the API asks for a token")
        return
    body = json.dumps(EXAMPLE_REPORT).encode()
    request = Request(f"{url}/predict", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as response:
        answer = json.load(response)
    assert set(answer["probabilities"]) == set(CATEGORY_NAMES), answer
    assert abs(sum(answer["probabilities"].values()) - 1) < 1e-3, answer
    print(
        f"{answer['label_name']} {answer['probability']:.0%}, {answer['model_name']} version {answer['model_version']}"
    )
    with urlopen(f"{url}/forecast?area=6", timeout=30) as response:
        forecast = json.load(response)
    assert len(forecast["days"]) == 28, forecast
    print(f"{forecast['total']:.0f} reports expected in {forecast['place']}, version {forecast['model_version']}")


def is_closed(url: str) -> bool:
    """Whether the backend is ready, and answers nobody who is not signed in."""
    with urlopen(f"{url}/ready", timeout=30) as response:
        has_sign_in = "sign_in" in json.load(response)
    try:
        urlopen(f"{url}/models", timeout=30).close()
    except HTTPError as error:
        if has_sign_in and error.code == 401:
            return True
        raise
    return False


def wait_for(url: str) -> None:
    """Wait until connections are taken: network policies know a new pod only after a moment."""
    for _ in range(CONNECT_SECONDS):
        try:
            urlopen(f"{url}/health", timeout=30).close()
            return
        except URLError:
            time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1])
