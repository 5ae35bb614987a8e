"""Benchmarks: `serving` (the backend and its peers), `tables` (of growing size), `page` (many sessions)."""
