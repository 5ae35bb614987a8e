"""`python -m crime.training.classifier DIRECTORY`: write a bundle of the embedded sample, without MLflow."""

import sys
from pathlib import Path

from crime.reports.files import load_reports
from crime.reports.tally import Tally
from crime.sample import SAMPLE_SHARE, sample_table
from crime.training.classifier.train import train_category_model

if __name__ == "__main__":
    tally = Tally()
    with sample_table() as path:
        train_category_model(load_reports(path, tally), tally, Path(sys.argv[1]), share=SAMPLE_SHARE)
