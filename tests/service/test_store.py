"""The feature store's command, as a user runs it."""

import json
from pathlib import Path

from harness import Store


def test_features_build_writes_months_once(store: Store, tmp_path: Path) -> None:
    arguments = ("features", "build", "--until", "2020-06-30", "--output", tmp_path / "f", "--json")
    first = json.loads(store.crime(*arguments).stdout.splitlines()[-1])
    assert (first["written"], first["kept"]) == (12, 0)
    assert json.loads(store.crime(*arguments).stdout.splitlines()[-1])["kept"] == 12
    assert "expected a day as" in store.crime("features", "build", "--until", "June", code=2).stderr
