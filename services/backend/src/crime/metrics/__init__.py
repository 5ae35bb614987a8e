"""Scores of predictions and forecasts, and measures of drift."""
