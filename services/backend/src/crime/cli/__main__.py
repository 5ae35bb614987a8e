"""Entry point of the `crime` command."""

from crime.cli import category, forecasts, operations, registry, review, tables  # noqa: F401 (each registers its commands)
from crime.cli.app import app

if __name__ == "__main__":
    app()
