"""Benchmarks: `serving` (the backend beside its peers), `tables` (as they grow), `page` (many sessions)."""
