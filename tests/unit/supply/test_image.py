"""The same sources give the same image, whenever and wherever it was built."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from saved_image import digest, layer, save_image
from supply.image import normalise

COMMITTED = 1_700_000_000


def config(time: str, container: str) -> dict[str, Any]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": time,
        "container": container,
        "docker_version": "20.10.24",
        "container_config": {"Hostname": container},
        "config": {"Cmd": ["serve"], "User": "65532:65532", "Hostname": container, "Image": f"sha256:{container}"},
        "history": [
            {"created": "2020-01-01T00:00:00Z", "created_by": "the base"},
            {"created": time, "created_by": "RUN build"},
        ],
    }


def normalised(
    folder: Path, name: str, layers: list[bytes], image: dict[str, Any], base: tuple[str, ...] = ()
) -> bytes:
    source, target = save_image(folder / f"{name}.tar", layers, image), folder / f"{name}-normalised.tar"
    normalise(source, target, COMMITTED, list(base), {"org.opencontainers.image.revision": "abc"})
    return target.read_bytes()


def test_builds_at_two_times_give_one_image(tmp_path: Path) -> None:
    first = normalised(
        tmp_path,
        "first",
        [layer({"app/a.py": "a", "app/b.py": "b"}, COMMITTED - 60)],
        config("2021-01-01T10:00:00.1Z", "1" * 64),  # a layer in a cache may be older than the commit
    )
    second = normalised(
        tmp_path,
        "second",
        [layer({"app/b.py": "b", "app/a.py": "a"}, COMMITTED + 999)],
        config("2026-02-02T10:00:00.2Z", "2" * 64),
    )
    assert first == second


def test_layers_of_the_base_image_stay_as_they_are(tmp_path: Path) -> None:
    base, own = layer({"lib/os.py": "1", "lib/abc.py": "2"}, COMMITTED + 60), layer({"app/a.py": "a"}, COMMITTED + 60)
    image = config("2026-01-01T10:00:00Z", "1" * 64)
    for name, stored in (("plain", base), ("packed", gzip.compress(base))):
        normalised(tmp_path, name, [stored, own], image, (digest(base),))
        with tarfile.open(tmp_path / f"{name}-normalised.tar") as out:
            [manifest] = json.loads(out.extractfile("manifest.json").read())  # type: ignore[union-attr]
            first, second = (out.extractfile(each).read() for each in manifest["Layers"])  # type: ignore[union-attr]
        assert first == base
        assert second != own


def test_other_contents_give_another_image(tmp_path: Path) -> None:
    image = config("2026-01-01T10:00:00Z", "1" * 64)
    assert normalised(tmp_path, "a", [layer({"a": "1"})], image) != normalised(
        tmp_path, "b", [layer({"a": "2"})], image
    )


def test_all_but_the_times_stays(tmp_path: Path) -> None:
    old = layer({"etc/debian_version": "13"}, 1_000_000)
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        program = tarfile.TarInfo("bin/python")
        program.mode, program.uid, program.mtime, program.size = 0o755, 3, COMMITTED + 0.5, 3
        program.pax_headers = {"SCHILY.xattr.user.note": "kept"}
        tar.addfile(program, io.BytesIO(b"elf"))
        for name, kind in (("bin/hard", tarfile.LNKTYPE), ("bin/a", tarfile.SYMTYPE)):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, "bin/python"
            tar.addfile(link)
        tar.addfile(tarfile.TarInfo("etc/.wh.motd"))
    normalised(tmp_path, "image", [old, raw.getvalue()], config("2026-01-01T10:00:00Z", "1" * 64))
    with tarfile.open(tmp_path / "image-normalised.tar") as image:
        files = {member.name: image.extractfile(member).read() for member in image}  # type: ignore[union-attr]
    [manifest] = json.loads(files["manifest.json"])
    written = json.loads(files[manifest["Config"]])
    assert written["config"] == {
        "Cmd": ["serve"], "User": "65532:65532", "Labels": {"org.opencontainers.image.revision": "abc"}
    }  # fmt: skip
    assert [step["created"] for step in written["history"]] == ["2023-11-14T22:13:20Z"] * 2
    layers = [files[name] for name in manifest["Layers"]]
    assert written["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(each).hexdigest() for each in layers]
    with tarfile.open(fileobj=io.BytesIO(layers[0])) as first, tarfile.open(fileobj=io.BytesIO(layers[1])) as second:
        assert first.getmember("etc/debian_version").mtime == COMMITTED
        python = second.getmember("bin/python")
        assert (python.mode, python.uid, python.mtime) == (0o755, 3, COMMITTED)
        assert python.pax_headers["SCHILY.xattr.user.note"] == "kept"
        assert second.getmember("bin/hard").islnk()
        assert second.getmember("bin/a").linkname == "bin/python"
        assert second.getnames() == ["bin/a", "bin/python", "etc/.wh.motd", "bin/hard"]
