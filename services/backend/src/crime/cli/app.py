"""The `crime` command: train, evaluate, predict, export, serve."""

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
features_app = typer.Typer(no_args_is_help=True, help="The feature store.")
app.add_typer(features_app, name="features")
