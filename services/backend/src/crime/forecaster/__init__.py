"""The forecast as it is served: its bundle. `crime.training.forecaster` makes it."""
