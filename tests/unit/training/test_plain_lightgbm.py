"""LightGBM is imported alone."""

import subprocess
import sys

SCRIPT = """
import sys
import crime.training.classifier.train, crime.training.forecaster.train
assert not {"pandas", "sklearn"} & set(sys.modules)
import pandas, sklearn
"""


def test_training_imports_neither_pandas_nor_scikit_learn_and_others_still_can() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
