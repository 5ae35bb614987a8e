"""Streams of tables in and out, a module for each format."""
