"""Names of the registered models."""

CATEGORY_MODEL = "crime-category"
FORECAST_MODEL = "crime-risk"
CHALLENGER_MODEL = f"{CATEGORY_MODEL}@challenger"  # of its trouble
