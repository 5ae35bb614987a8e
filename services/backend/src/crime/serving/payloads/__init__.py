"""Bodies and answers of the HTTP routes as pydantic models, and their conversion."""
