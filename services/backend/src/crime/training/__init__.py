"""Training of the category model and of the forecast. Not in the serving image."""
