"""Shared basics: settings, errors, executors, files, and the parts of a spec that every bundle has."""
