"""The backend: FastAPI over the champions' bundles. Imports no pandas, mlflow or training code."""
