"""The backend: FastAPI over the champion's bundles. Imports no pandas, mlflow or training code."""
