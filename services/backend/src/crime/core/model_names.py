"""The model registry, read without MLflow: importing it costs 200 MB and seconds, a query a millisecond.

`Embedded` looks at the tables that MLflow keeps in `mlruns/mlflow.db`, `Served` asks an MLflow server over HTTP.
Both know the same: which version of a model carries an alias, and where its bundle is.
"""

CATEGORY_MODEL = "crime-category"
FORECAST_MODEL = "crime-risk"
