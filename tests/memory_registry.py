"""A model registry in memory, for tests that need no MLflow."""

import time
from collections import Counter, defaultdict
from pathlib import Path

from crime.core.errors import ModelNotFoundError, RegistryError, UnreadableFileError, VersionGoneError
from crime.registry.protocol import CHAMPION, ModelVersion, RegisteredModel


class MemoryRegistry:
    """Implements `crime.registry.protocol.Registry`. While `reachable` is false every call raises `RegistryError`."""

    tracking_uri = "memory:"

    def __init__(self) -> None:
        self.reachable = True
        self.bundles: dict[tuple[str, str], Path] = {}
        self.aliases: dict[str, dict[str, str]] = defaultdict(dict)
        self.version_tags: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        self.contents: dict[str, bytes] = {}
        self.fetched: Counter[tuple[str, str]] = Counter()
        self.forgotten: Counter[tuple[str, str]] = Counter()
        self.deleted: set[tuple[str, str]] = set()

    def __str__(self) -> str:
        return "the registry in memory"

    def register(self, name: str, directory: Path, alias: str | None = None) -> str:
        """Add a version, the next in number, and give it an alias."""
        version = str(1 + sum(registered == name for registered, _ in self.bundles))
        self.bundles[name, version] = directory
        if alias:
            self.aliases[name][alias] = version
        return version

    def _check(self) -> None:
        if not self.reachable:
            raise RegistryError("the registry in memory can't be reached")

    def time(self) -> float:
        return time.time()

    def version(self, name: str, alias: str = CHAMPION) -> str:
        self._check()
        if alias not in self.aliases[name]:
            raise ModelNotFoundError(f"{name}@{alias}", str(self), "crime train")
        version = self.aliases[name][alias]
        if (name, version) in self.deleted:
            raise VersionGoneError(f"{name}@{alias} is version {version}, which was deleted")
        return version

    def bundle(self, name: str, version: str) -> Path:
        self._check()
        self.fetched[name, version] += 1
        self._check_present(name, version)
        return self.bundles[name, version]

    def _check_present(self, name: str, version: str) -> None:
        self._check()
        if (name, version) not in self.bundles.keys() - self.deleted:
            raise ModelNotFoundError(f"{name} version {version}", str(self), "crime train")

    def forget(self, name: str, version: str) -> None:
        self.forgotten[name, version] += 1

    def tags(self, name: str, version: str) -> dict[str, str]:
        self._check_present(name, version)
        return dict(self.version_tags[name, version])

    def models(self) -> list[RegisteredModel]:
        self._check()
        latest = dict(key for key in self.bundles if key not in self.deleted)
        return [
            RegisteredModel(name, "", version, self._live_aliases(name)) for name, version in sorted(latest.items())
        ]

    def _live_aliases(self, name: str) -> dict[str, str]:
        return {alias: version for alias, version in self.aliases[name].items() if (name, version) not in self.deleted}

    def versions(self, name: str) -> list[ModelVersion]:
        self._check()
        return [
            ModelVersion(
                version=version,
                aliases=[alias for alias, holder in self.aliases[name].items() if holder == version],
                tags=dict(self.version_tags[name, version]),
            )
            for registered, version in reversed(self.bundles)
            if registered == name and (name, version) not in self.deleted
        ]

    def set_alias(self, name: str, alias: str, version: str) -> None:
        self._check_present(name, version)
        self.aliases[name][alias] = version

    def delete_alias(self, name: str, alias: str) -> None:
        self._check()
        del self.aliases[name][alias]

    def set_tags(self, name: str, version: str, tags: dict[str, str]) -> None:
        self._check_present(name, version)
        self.version_tags[name, version] |= tags

    def save(self, path: str, content: bytes) -> None:
        self._check()
        self.contents[path] = content

    def load(self, path: str) -> bytes:
        self._check()
        if path not in self.contents:
            raise UnreadableFileError(f"no {path} in {self}")
        return self.contents[path]

    def files(self, folder: str) -> list[str]:
        self._check()
        inside = (path.removeprefix(f"{folder}/") for path in self.contents if path.startswith(f"{folder}/"))
        return sorted({f"{folder}/{path.partition('/')[0]}" for path in inside})

    def remove(self, path: str) -> None:
        self._check()
        self.contents = {name: value for name, value in self.contents.items() if not name.startswith(f"{path}/")}
