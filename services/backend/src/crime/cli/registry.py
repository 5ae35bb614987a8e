"""Commands of the model registry: promote, challenge, roll back, export, back up, restore."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from crime.cli.app import app
from crime.cli.console import err, out, print_warning, progress_bar, progress_on, readable_errors
from crime.cli.options import Archive, DecidedBy, Json, ModelName
from crime.core.settings import Settings


@app.command()
def promote(
    name: ModelName,
    version: Annotated[str | None, typer.Argument(help="The version to promote; by default the latest.")] = None,
    force: Annotated[
        str | None, typer.Option(help="Promote although a gate failed, for this reason, which is recorded.")
    ] = None,
    by: DecidedBy = "unknown",
    as_json: Json = False,
) -> None:
    """Make a version champion if it passes the gates against the present one, or by force."""
    from crime.registry import promotion
    from crime.registry.lookup import open_registry
    from crime.registry.promotion import latest_version

    with readable_errors():
        registry = open_registry(Settings())
        version = version or latest_version(registry, name)
        verdict = promotion.promote(registry, name, version, by, force, force=force is not None, warn=print_warning)
    for gate in verdict.gates:
        out.print(f"{'passed' if gate.passed else 'FAILED'} {gate.name}: {gate.reason}", highlight=False)
    out.print(f"{name} version {version} is champion", highlight=False)
    if as_json:
        typer.echo(json.dumps({"model": name, "version": version, "gates": [asdict(gate) for gate in verdict.gates]}))


@app.command()
def challenge(
    name: ModelName,
    version: Annotated[
        str | None, typer.Argument(help="The new challenger; without it the present one is withdrawn.")
    ] = None,
    canary: Annotated[float, typer.Option(min=0, max=1, help="Share of predictions that it answers itself.")] = 0.0,
    by: DecidedBy = "unknown",
) -> None:
    """Let a version score reports that the champion answers (shadow), and answer a share of them itself (canary)."""
    from crime.registry.lookup import open_registry
    from crime.registry.promotion import set_challenger, withdraw_challenger

    with readable_errors():
        if version is None:
            withdraw_challenger(open_registry(Settings()), name, by, warn=print_warning)
        else:
            set_challenger(open_registry(Settings()), name, version, canary, by, warn=print_warning)
    outcome = f"version {version} challenges, and answers {canary:.0%}" if version else "the challenger is withdrawn"
    out.print(f"{name}: {outcome}", highlight=False)


@app.command()
def rollback(name: ModelName, by: DecidedBy = "unknown") -> None:
    """Make the version that was champion before champion again."""
    from crime.registry import promotion
    from crime.registry.lookup import open_registry

    with readable_errors():
        version = promotion.rollback(open_registry(Settings()), name, by, warn=print_warning)
    out.print(f"{name} version {version} is champion again", highlight=False)


@app.command()
def audit(as_json: Json = False) -> None:
    """List every decision about which version answers, the newest first, and what became of it."""
    from crime.cli.rendering import print_decisions
    from crime.registry.audit import read_decisions
    from crime.registry.lookup import open_registry

    unreadable: list[str] = []
    with readable_errors():
        decisions = read_decisions(open_registry(Settings()), unreadable)
    print_decisions(decisions)
    for path in unreadable:
        print_warning(f"{path} can't be read, and is left out")
    if as_json:
        typer.echo(json.dumps([decision.as_json() for decision in decisions]))


@app.command()
def export(
    output: Annotated[Path, typer.Option(help="A directory; files of the same names are replaced.")] = Path(
        "services/backend/model"
    ),
) -> None:
    """Copy the champions' bundles into a directory, to be built into an image."""
    from crime.core.bundle_files import SPEC_FILE, BundleSpec, read_spec, write_spec
    from crime.core.errors import RegistryError
    from crime.registry.kinds import MODEL_KINDS
    from crime.registry.lookup import find_version, open_registry

    with readable_errors():
        for name, kind in MODEL_KINDS.items():
            folder = output / kind.image_folder
            try:
                version, directory = find_version(open_registry(Settings()), name)
            except RegistryError as error:
                if not kind.optional:
                    raise
                err.print(str(error), highlight=False, soft_wrap=True)
                continue
            folder.mkdir(parents=True, exist_ok=True)
            for file in directory.iterdir():
                if file.name != SPEC_FILE:
                    shutil.copy(file, folder / file.name)
            write_spec(folder, read_spec(directory, BundleSpec).model_copy(update={"version": version}))
            out.print(f"{folder}: {name} version {version}", highlight=False, soft_wrap=True)


@app.command()
def backup(
    target: Archive,
    keep_days: Annotated[
        int | None,
        typer.Option(min=1, max=36_500, help="In a folder or on S3: then remove backups that are older, in days."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write every model version, with its metrics and tags, the aliases, and all recorded predictions and decisions.

    In a folder or on S3 the file is named by the time in UTC. What can't be read is left out and named, and the exit
    code is 1; the file is then crime-incomplete.tar.gz there.
    """
    with readable_errors():
        from crime.pipelines.backup_places import backup_to
        from crime.registry.lookup import open_registry

        with progress_bar() as bar:
            task = bar.add_task("back up", total=None)
            name, saved = backup_to(open_registry(Settings()), target, keep_days, progress_on(bar, task))
    out.print(f"{name}: {saved.versions} versions, {saved.files} files beside them", highlight=False, soft_wrap=True)
    for what in saved.left_out:
        print_warning(f"left out: {what}")
    if as_json:
        typer.echo(json.dumps(asdict(saved)))
    if saved.left_out:
        raise typer.Exit(1)


@app.command()
def restore(source: Archive, as_json: Json = False) -> None:
    """Restore a backup into an empty registry, with the same version numbers; an interrupted restore continues.

    Of a folder or an S3 path the newest is restored.
    """
    with readable_errors():
        from crime.pipelines.backup_places import restore_from
        from crime.registry.lookup import open_registry

        with progress_bar() as bar:
            task = bar.add_task("restore", total=None)
            name, saved = restore_from(open_registry(Settings()), source, progress_on(bar, task))
    out.print(f"{name}: {saved.versions} versions and {saved.files} files restored", highlight=False, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps(asdict(saved)))
