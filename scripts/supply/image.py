"""An image whose digest follows from its sources: no time of a build in layers or configuration.

    python -m supply.image SAVED OUT EPOCH BASE NAME=LABEL...

SAVED is what `docker save` wrote, of any builder. OUT is the same image for `crane push`: members of layers sorted, all
times EPOCH (seconds since 1970), names of intermediate containers and images left out. Layers that the base image
brings stay as they are: their compiled Python goes by the times of its sources. BASE has their digests, as
a list in JSON.
"""

import gzip
import hashlib
import io
import json
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

KEPT = ("architecture", "os", "os.version", "variant", "author")  # of the configuration, beside what is rewritten
BUILDER = ("Image", "Hostname", "Domainname")  # of the container that a builder ran


def write_entry(tar: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    """Add a file without time or owner."""
    entry = tarfile.TarInfo(name)
    entry.size = size
    tar.addfile(entry, content)


def write_layer(layer: tarfile.TarFile, out: IO[bytes], epoch: int) -> None:
    """Write a layer with sorted members, all as old as `epoch`."""
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as normalised:
        # hard links last: what they name has to be there
        for member in sorted(layer.getmembers(), key=lambda each: (each.islnk(), each.name.split("/"))):
            member.mtime = epoch
            times = ("mtime", "atime", "ctime")
            member.pax_headers = {name: text for name, text in member.pax_headers.items() if name not in times}
            normalised.addfile(member, layer.extractfile(member) if member.isreg() else None)


def normalised_config(config: dict[str, Any], layers: list[str], epoch: int, labels: dict[str, str]) -> bytes:
    """The image's configuration with the digests of its layers, and `epoch` as all times."""
    time = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    run = {name: value for name, value in config["config"].items() if name not in BUILDER}
    run["Labels"] = (run.get("Labels") or {}) | labels
    history = [step | {"created": time} for step in config.get("history", ())]
    kept = {name: config[name] for name in KEPT if name in config}
    rewritten = {
        "config": run,
        "created": time,
        "history": history,
        "rootfs": {"type": "layers", "diff_ids": layers},
    }
    return json.dumps(kept | rewritten, sort_keys=True).encode()


def unpacked(layer: IO[bytes] | None) -> IO[bytes]:
    """A layer as plain tar; some of Docker's stores keep them compressed."""
    assert layer
    packed = layer.read(2) == b"\x1f\x8b"
    layer.seek(0)
    return gzip.open(layer) if packed else layer  # type: ignore[return-value]


@contextmanager
def open_saved(path: Path) -> Iterator[tuple[tarfile.TarFile, dict[str, Any], list[str]]]:
    """What `docker save` wrote of one image: the archive, the configuration, the names of its layers."""
    with tarfile.open(path) as saved:
        [manifest] = json.loads(saved.extractfile("manifest.json").read())  # type: ignore[union-attr]
        config = json.loads(saved.extractfile(manifest["Config"]).read())  # type: ignore[union-attr]
        yield saved, config, manifest["Layers"]


def normalise(source: Path, target: Path, epoch: int, base: list[str], labels: dict[str, str]) -> None:
    """Write the image of `source` to `target`, both as `docker save` writes them."""
    digests: list[str] = []
    with open_saved(source) as (saved, config, names), tarfile.open(target, "w") as out:
        for name, digest in zip(names, config["rootfs"]["diff_ids"], strict=True):
            with unpacked(saved.extractfile(name)) as file, tempfile.TemporaryFile() as rewritten:
                if digest in base:
                    shutil.copyfileobj(file, rewritten)
                else:
                    with tarfile.open(fileobj=file) as layer:
                        write_layer(layer, rewritten, epoch)
                size = rewritten.tell()
                rewritten.seek(0)
                digests.append("sha256:" + hashlib.file_digest(rewritten, "sha256").hexdigest())
                rewritten.seek(0)
                write_entry(out, digests[-1].removeprefix("sha256:") + ".tar", rewritten, size)
        layers = [digest.removeprefix("sha256:") + ".tar" for digest in digests]
        content = normalised_config(config, digests, epoch, labels)
        config_name = hashlib.sha256(content).hexdigest() + ".json"
        write_entry(out, config_name, io.BytesIO(content), len(content))
        manifest = json.dumps([{"Config": config_name, "RepoTags": None, "Layers": layers}]).encode()
        write_entry(out, "manifest.json", io.BytesIO(manifest), len(manifest))


if __name__ == "__main__":
    saved_path, out_path, epoch, base = sys.argv[1:5]
    pairs = dict(pair.split("=", 1) for pair in sys.argv[5:])
    normalise(Path(saved_path), Path(out_path), int(epoch), json.loads(base), pairs)
