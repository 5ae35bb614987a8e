"""Benchmarks: `serving` (the backend and its peers), `tables` (of growing size), `page` (many sessions), `folds` (the
category model on random tenths), `review` (wrong crime codes)."""
