"""`python -m crime.training.forecaster DIRECTORY`: a forecast of the embedded sample, for an image; needs no MLflow."""

import sys
from pathlib import Path

from crime.reports.history import read_history
from crime.reports.tally import Tally
from crime.sample import SAMPLE_SHARE, sample_table
from crime.training.forecaster.feed_end import complete_history
from crime.training.forecaster.train import train_forecast

if __name__ == "__main__":
    tally = Tally()
    with sample_table() as path:
        train_forecast(complete_history(read_history(path, tally), tally), tally, Path(sys.argv[1]), share=SAMPLE_SHARE)
