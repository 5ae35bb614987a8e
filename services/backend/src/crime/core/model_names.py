"""Names of the registered models."""

CATEGORY_MODEL = "crime-category"
FORECAST_MODEL = "crime-risk"
