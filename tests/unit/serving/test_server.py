"""How many connections a process takes, by the files that it may open."""

import resource

import pytest
from crime.core import limits
from crime.serving import server


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "connections"),
    [
        (1_024, resource.RLIM_INFINITY, server.MANY_FILES, limits.CONNECTIONS),
        (1_024, 20_000, 20_000, limits.CONNECTIONS),
        (1_024, 1_024, 1_024, 1_024 - server.OTHER_FILES),
        (256, 256, 256, 6),
        (100, 100, 100, 1),
        (1_000_000, 1_000_000, 1_000_000, limits.CONNECTIONS),
    ],
)
def test_the_limit_is_raised_and_connections_fit_it(
    soft: int, hard: int, raised: int, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, values: set_to.append(values))
    assert server.connections_by_files() == connections
    assert set_to == [(raised, hard)]
