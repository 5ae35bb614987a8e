"""The Typer application that the commands register with."""

from typing import Annotated

import typer

from crime import __version__

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
features_app = typer.Typer(no_args_is_help=True, help="The feature store.")
app.add_typer(features_app, name="features")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Crime prediction from LAPD reports: train, evaluate, forecast, promote, serve."""
