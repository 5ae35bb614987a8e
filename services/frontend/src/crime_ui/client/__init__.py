"""The client of the backend's HTTP API: transport, typed answers, calls by subject, and their cache."""
