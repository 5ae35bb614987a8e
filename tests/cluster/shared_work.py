"""A forecast, or a review, of the embedded sample by the Dask workers at an address, or by this pod alone.

`shared_work.py forecast|review [ADDRESS]` prints as JSON the SHA-256 of each file that was made, and how long it took.
"""

import json
import sys
import time
from pathlib import Path

from crime.core.bundle_files import file_hashes
from crime.core.executors import connect_executor
from crime.pipelines.review import review_file
from crime.reports.history import read_history
from crime.reports.tally import Tally
from crime.sample import SAMPLE_SHARE, sample_table
from crime.training.forecaster.feed_end import complete_history
from crime.training.forecaster.train import train_forecast

work, executor = sys.argv[1], connect_executor(sys.argv[2] if len(sys.argv) > 2 else None)
made, tally = Path("/tmp/made"), Tally()
made.mkdir()
began = time.monotonic()
with sample_table() as table:
    if work == "forecast":
        history = complete_history(read_history(table, tally), tally)
        train_forecast(history, tally, made, share=SAMPLE_SHARE, executor=executor)
    else:
        review_file(table, made / "reviewed.csv", tally, executor=executor)
seconds = round(time.monotonic() - began, 1)
names = sorted(path.name for path in made.iterdir())
print(json.dumps({"hashes": file_hashes(made, names), "seconds": seconds}))
