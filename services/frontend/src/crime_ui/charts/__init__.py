"""Plotly figures. They need no internet."""
