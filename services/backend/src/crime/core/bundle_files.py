"""A model bundle: one directory of data, never code. `spec.json`, a LightGBM model for each level of detail, the
evidence that is an input of each, and the counts of reports that the page shows.

A report is scored by the model of the most that is known of it: `place_time`, `premise`, `weapon` or `report`.
Each was also trained on copies with fields hidden at random, so that whatever is missing below its level
leaves it calibrated.
"""

import json
from pathlib import Path
from typing import Any

SPEC_FILE = "spec.json"


def write_spec(directory: Path, spec: dict[str, Any]) -> None:
    """Replace a bundle's `spec.json` at once, so that a reader never sees half of it."""
    fresh = directory / f"{SPEC_FILE}.new"
    fresh.write_text(json.dumps(spec, indent=1, default=float) + "\n")
    fresh.replace(directory / SPEC_FILE)
