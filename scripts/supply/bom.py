"""What is in an image, as CycloneDX: Debian packages, Python, Python packages. Read from its files, not from lists.

    python -m supply.bom IMAGE NAME VERSION REVISION

IMAGE is what `docker save` or `supply.image` wrote. The same image gives the same text: no time, no random number.
"""

import json
import re
import sys
import tarfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from supply.image import open_saved

DPKG, RELEASE = "var/lib/dpkg/status", "etc/os-release"
WANTED = re.compile(r"(?:^|/)(?:[^/]+\.dist-info/METADATA|var/lib/dpkg/status|(?:etc|usr/lib)/os-release)$")
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"

Component = dict[str, Any]


def add_layer(layer: tarfile.TarFile, files: dict[str, str]) -> None:
    """Bring the files that tell of packages, by path, to what this layer leaves of them."""
    for member in layer:
        path = member.name.removeprefix("./")
        folder, _, base = path.rpartition("/")
        if base.startswith(WHITEOUT):
            hidden = folder if base == OPAQUE else f"{folder}/{base.removeprefix(WHITEOUT)}".lstrip("/")
            for name in [name for name in files if name == hidden or name.startswith(hidden + "/")]:
                del files[name]
    for member in layer.getmembers():
        path = member.name.removeprefix("./")
        if member.isreg() and WANTED.search(path):
            files[path] = layer.extractfile(member).read().decode()  # type: ignore[union-attr]


def licences(text: str | None) -> dict[str, Any]:
    """The key `licenses` of a component, of a licence by its identifier or its name."""
    if not text or "\n" in text or text == "UNKNOWN":
        return {}
    return {"licenses": [{"license": {"name": text}}]}


def debian_packages(files: dict[str, str]) -> list[Component]:
    """Components of the installed Debian packages."""
    release = dict(
        line.split("=", 1)
        for line in files.get("usr/lib/os-release", files.get(RELEASE, "")).splitlines()
        if "=" in line
    )
    distribution = "-".join(release.get(name, "").strip('"') for name in ("ID", "VERSION_ID"))
    found = []
    for paragraph in files.get(DPKG, "").split("\n\n"):
        fields = HeaderParser().parsestr(paragraph.lstrip("\n"))
        if fields.get("Status") == "install ok installed":
            name, version = fields["Package"], fields["Version"]
            purl = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}"
            purl += f"?arch={fields['Architecture']}&distro={distribution}"
            found.append({"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl})
    return found


def python_packages(files: dict[str, str]) -> list[Component]:
    """Components of the installed Python packages, wherever they lie."""
    found: dict[str, Component] = {}
    for path, text in files.items():
        if path.endswith("/METADATA"):
            fields = HeaderParser().parsestr(text)
            name, version = re.sub(r"[-_.]+", "-", fields["Name"]).lower(), fields["Version"]
            purl = f"pkg:pypi/{name}@{quote(version, safe='')}"
            licence = licences(fields.get("License-Expression") or fields.get("License"))
            component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
            found[purl] = component | licence
    return list(found.values())


def interpreter(config: dict[str, Any]) -> list[Component]:
    """Python itself, where a base image built it: Debian's own is among Debian's packages."""
    env = dict(pair.split("=", 1) for pair in config["config"].get("Env") or ())
    if "PYTHON_VERSION" not in env:
        return []
    version = env["PYTHON_VERSION"]
    purl = f"pkg:generic/python@{version}"
    return [{"type": "application", "bom-ref": purl, "name": "python", "version": version, "purl": purl}]


def bill_of_materials(image: Path, name: str, version: str, revision: str) -> dict[str, Any]:
    """The bill of an image. Raises ValueError if it has no package at all: then something else was read."""
    files: dict[str, str] = {}
    with open_saved(image) as (saved, config, layers):
        for each in layers:
            with tarfile.open(fileobj=saved.extractfile(each)) as layer:
                add_layer(layer, files)
    components = debian_packages(files) + python_packages(files) + interpreter(config)
    if not components:
        raise ValueError(f"{image} holds no package")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": config["created"],
            "component": {
                "type": "container", "bom-ref": name, "name": name, "version": version,
                "properties": [{"name": "org.opencontainers.image.revision", "value": revision}],
            },
        },
        "components": sorted(components, key=lambda each: each["purl"]),
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(bill_of_materials(Path(sys.argv[1]), *sys.argv[2:5]), indent=1))
