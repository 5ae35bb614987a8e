"""A bill of materials names what is in the image, and nothing that a later layer removed."""

from pathlib import Path
from typing import Any

import pytest
from saved_image import layer, save_image
from supply.bom import bill_of_materials

DPKG = """Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.41-12+deb13u1
Description: the C library
 with a second line

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: tzdata
Status: install ok installed
Architecture: all
Version: 1:2025b-4
"""
RELEASE = 'ID=debian\nVERSION_ID="13"\n'
CONFIG: dict[str, Any] = {"created": "2026-01-01T00:00:00Z", "config": {"Env": ["PYTHON_VERSION=3.13.9", "HOME=/tmp"]}}


def package(name: str, version: str, licence: str = "") -> dict[str, str]:
    text = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{licence}\nThe text of a README: Name: other\n"
    return {f"opt/venv/lib/python3.13/site-packages/{name}-{version}.dist-info/METADATA": text}


def bill(folder: Path, *layers: dict[str, str], config: dict[str, Any] = CONFIG) -> dict[str, Any]:
    image = save_image(folder / "image.tar", [layer(files) for files in layers], config)
    return bill_of_materials(image, "crime-backend", "0.2.0", "abc")


def purls(found: dict[str, Any]) -> list[str]:
    return [component["purl"] for component in found["components"]]


def test_packages_of_debian_and_python_and_python_itself(tmp_path: Path) -> None:
    files = {"var/lib/dpkg/status": DPKG, "usr/lib/os-release": RELEASE}
    found = bill(tmp_path, files, package("Zope.Interface", "8.0", "License-Expression: ZPL-2.1\n"))
    assert purls(found) == [
        "pkg:deb/debian/libc6@2.41-12%2Bdeb13u1?arch=amd64&distro=debian-13",
        "pkg:deb/debian/tzdata@1%3A2025b-4?arch=all&distro=debian-13",
        "pkg:generic/python@3.13.9",
        "pkg:pypi/zope-interface@8.0",
    ]
    assert found["components"][3]["licenses"] == [{"license": {"name": "ZPL-2.1"}}]
    assert found["metadata"]["component"]["name"] == "crime-backend"


def test_what_a_later_layer_leaves_counts(tmp_path: Path) -> None:
    site = "opt/venv/lib/python3.13/site-packages"
    whiteouts = {f"{site}/.wh.scipy-1.0.dist-info": "", "usr/lib/python3/dist-packages/.wh..wh..opq": ""}
    old = {"usr/lib/python3/dist-packages/pip-25.dist-info/METADATA": "Name: pip\nVersion: 25\n"}
    found = bill(
        tmp_path,
        package("scipy", "1.0") | package("numpy", "2.0") | old,
        whiteouts | package("lightgbm", "4.6"),
        config={"created": "", "config": {}},
    )
    assert purls(found) == ["pkg:pypi/lightgbm@4.6", "pkg:pypi/numpy@2.0"]


def test_an_image_without_a_package_is_none_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no package"):
        bill(tmp_path, {"app/a.py": "METADATA"}, config={"created": "", "config": {}})
