"""Options and fixtures of the tests across services."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cluster")
    group.addoption("--kubeconfig", help="a cluster to test on; never the current context by accident")
    group.addoption(
        "--load-images", default="minikube image load", help="command that hands built images to the cluster"
    )
    group.addoption("--base-image", default="python:3.13-slim", help="Python base of the images")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT
