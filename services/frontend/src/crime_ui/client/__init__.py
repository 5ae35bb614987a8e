"""The backend, known by its HTTP API alone: transport, typed answers, calls by subject, and what the page caches."""
