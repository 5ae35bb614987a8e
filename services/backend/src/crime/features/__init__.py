"""Features of reports and places: definitions, encoding, and the feature store."""
