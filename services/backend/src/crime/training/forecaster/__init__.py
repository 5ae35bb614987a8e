"""Training of `crime-risk`: forecasts of reports by place and day, their intervals, and their backtest.

A file for each step of the method: `reporting_delay`, `calendar_effects`, `smoothed_rates`, `combination`, `boosting`,
`reconciliation`, `shares` (of shifts and categories), `intervals`. A forecast uses what had been reported by its
origin (the end of a day), nothing later.
"""
