"""Versions of models: the registries, promotion through gates, and the audit log."""
