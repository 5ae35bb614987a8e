"""The analyst's page, a Streamlit application over the backend's HTTP API."""
