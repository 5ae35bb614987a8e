"""Recorded predictions, and drift and performance measured on them."""
